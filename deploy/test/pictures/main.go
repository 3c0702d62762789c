// Command pictures reads lines of width, height and path, separated by spaces, and writes
// for each the red, green and blue of the picture at path, scaled to cover that size as
// training reads it, to path.rgb, pixel by pixel. What cannot be read gets path.error.
// compare.py beside it makes the pictures and compares.
package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"

	"github.com/tinygrow/tinygrow/tensor/nn"
	"github.com/tinygrow/tinygrow/worker/dataset"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() error {
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		shape, path := nn.Shape{C: 3}, ""
		if _, err := fmt.Sscanf(in.Text(), "%d %d %s", &shape.W, &shape.H, &path); err != nil {
			return fmt.Errorf("%q: %w", in.Text(), err)
		}
		planes, err := dataset.ReadLoose(path, shape)
		if err != nil {
			if err := os.WriteFile(path+".error", []byte(err.Error()), 0o644); err != nil {
				return err
			}
			continue
		}
		area := shape.H * shape.W
		pixels := make([]byte, 0, len(planes))
		for i := range area {
			pixels = append(pixels, planes[i], planes[area+i], planes[2*area+i])
		}
		if err := os.WriteFile(path+".rgb", pixels, 0o644); err != nil {
			return err
		}
	}
	return errors.Join(in.Err())
}
