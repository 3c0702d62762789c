package main

import (
	"github.com/tinygrow/tinygrow/tensor/nn"
	"github.com/tinygrow/tinygrow/tensor/rng"
	"github.com/tinygrow/tinygrow/worker/dataset"
)

// side is that of our pictures.
const side = 12

// stripes is a data set of our own: grey pictures of stripes that lie, stand or lean, in noise. It is
// a dataset.Source, two methods.
type stripes struct{ train, test int }

func (s stripes) Info() dataset.Info {
	return dataset.Info{Name: "stripes", Shape: nn.Shape{C: 1, H: side, W: side}, Classes: []string{"lying", "standing", "leaning"},
		Train: s.train, Test: s.test}
}

// Sample draws picture i of a split. What it draws follows from split and i alone, so that everybody
// who draws the set has the same one.
func (s stripes) Sample(split string, i int, dst []byte) (class int, err error) {
	noise := rng.New(rng.Key("stripes"), rng.Key(split), uint64(i))
	class = i % 3
	phase, width := int(noise.Uintn(0, 8)), 2+int(noise.Uintn(1, 2))
	for y := range side {
		for x := range side {
			along := []int{y, x, x + y}[class]
			value := 60 + int(noise.Uintn(uint64(2+y*side+x), 60))
			if (along+phase)/width%2 == 0 {
				value += 100
			}
			dst[y*side+x] = byte(value)
		}
	}
	return class, nil
}
