package dataset

import (
	"context"
	"fmt"

	"github.com/tinygrow/tinygrow/tensor/nn"
)

// Source is a data set of one's own, as a program has it. PackSource makes a packed file of it,
// which everything that reads data sets takes.
type Source interface {
	// Info says what the set is; it is asked once.
	Info() Info
	// Sample writes picture i of a split, (C, H, W) bytes, to dst and returns its class. It is called for each
	// sample once, by several goroutines at a time, about in order.
	Sample(split string, i int, dst []byte) (class int, err error)
}

// Info is what a Source is.
type Info struct {
	Name    string   // a short word of a-z, 0-9, - and _
	Shape   nn.Shape // the shape of every picture
	Classes []string // their names, by number
	Mirror  bool     // a mirrored picture is of the same class
	// Train and Test are the numbers of samples of the splits.
	Train, Test int
}

// PackSource is Pack of a set of one's own.
func PackSource(ctx context.Context, from Source, path string, tell func(Packing)) (Report, error) {
	about := from.Info()
	s := &Set{name: about.Name, shape: about.Shape, classes: about.Classes, flip: about.Mirror}
	h := packHeader{Name: s.name, Shape: s.shape, Classes: s.classes, Train: int64(about.Train), Test: int64(about.Test)}
	if err := h.checkContents(); err != nil {
		return Report{}, fmt.Errorf("%w: %w", ErrData, err)
	}
	for i, split := range []*samples{&s.train, &s.test} {
		split.labels = make([]uint16, []int{about.Train, about.Test}[i])
		split.store = own{from, []string{Train, Test}[i], split.labels, len(s.classes), s.shape.Len()}
	}
	return s.packTo(ctx, path, tell)
}

// own is a split of a Source, whose labels come with the pictures.
type own struct {
	from    Source
	split   string
	labels  []uint16
	classes int
	size    int
}

func (o own) read(buf []byte, i int) error {
	class, err := o.from.Sample(o.split, i, buf[:o.size:o.size])
	if err == nil && (class < 0 || class >= o.classes) {
		err = fmt.Errorf("class %d: there are %d", class, o.classes)
	}
	if err != nil {
		return fmt.Errorf("%s sample %d: %w", o.split, i, err)
	}
	o.labels[i] = uint16(class)
	return nil
}

func (own) ahead(int) {}
