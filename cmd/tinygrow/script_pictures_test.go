package main

import (
	"fmt"
	"image"
	"image/color"
	"image/png"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/tinygrow/tinygrow/coordinator/checkpoint"
)

// writeArrows makes a folder of 16 x 16 pictures of arrows that point to the left
// or to the right, N of each class for training and N for testing: arrows DIR N.
func writeArrows(ts *testscript.TestScript, _ bool, args []string) {
	n, err := strconv.Atoi(args[1])
	ts.Check(err)
	r := rand.New(rand.NewPCG(1, 2))
	for _, split := range []string{"train", "test"} {
		for at, class := range []string{"left", "right"} { // in one order, so that the pictures are the same each time
			direction := 2*at - 1
			dir := filepath.Join(ts.MkAbs(args[0]), split, class)
			ts.Check(os.MkdirAll(dir, 0o755))
			for i := range n {
				f, err := os.Create(filepath.Join(dir, fmt.Sprintf("%03d.png", i)))
				ts.Check(err)
				ts.Check(png.Encode(f, arrow(r, direction)))
				ts.Check(f.Close())
			}
		}
	}
}

// arrow draws an arrow somewhere, in two colours that are far apart.
func arrow(r *rand.Rand, direction int) image.Image {
	img := image.NewGray(image.Rect(0, 0, 16, 16))
	dark, bright := uint8(r.IntN(80)), uint8(160+r.IntN(90))
	for i := range img.Pix {
		img.Pix[i] = dark
	}
	x, y := 6+r.IntN(4), 6+r.IntN(4)
	for i := range 9 {
		img.SetGray(x-4+i, y, color.Gray{Y: bright})
	}
	for i := range 4 { // the head
		img.SetGray(x+direction*(4-i), y-i, color.Gray{Y: bright})
		img.SetGray(x+direction*(4-i), y+i, color.Gray{Y: bright})
	}
	return img
}

// sameEvaluation checks that two outputs of eval --json found the same loss and
// accuracy: evaluated A.json B.json
func sameEvaluation(ts *testscript.TestScript, _ bool, args []string) {
	a, b := readObject(ts, args[0]), readObject(ts, args[1])
	for _, field := range []string{"samples", "test_loss", "test_accuracy", "model_sha256"} {
		if _, tells := b[field]; !tells && field == "samples" { // the result of a run
			continue
		}
		if a[field] == nil || a[field] != b[field] {
			ts.Fatalf("%s is %v and %v", field, a[field], b[field])
		}
	}
}

// removeCard makes the newest checkpoint of a run what earlier versions wrote, which
// did not tell how a model reads pictures: uncard RUN
func removeCard(ts *testscript.TestScript, _ bool, args []string) {
	d, c, err := checkpoint.Open(ts.MkAbs(args[0]))
	ts.Check(err)
	c.Card = nil
	ts.Check(d.Save(c, 1))
	ts.Check(d.Close())
}
