package view_test

import (
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/tinygrow/tinygrow/coordinator/checkpoint"
	"github.com/tinygrow/tinygrow/coordinator/view"
)

// A run directory is read while it is written, by whoever wants to know how the run goes.
func ExampleOpen() {
	folder, err := os.MkdirTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(folder)
	dir := filepath.Join(folder, "a")
	run, err := checkpoint.Create(dir, []byte("model:\n  name: cnn\n"))
	if err != nil {
		log.Fatal(err)
	}
	defer run.Close()
	r, err := view.Open(dir)
	if err != nil {
		log.Fatal(err)
	}
	for step, loss := range []float64{2.3, 1.9, 1.4} {
		if err := run.Metrics.Append(map[string]any{"kind": "step", "step": step + 1, "loss": loss}); err != nil {
			log.Fatal(err)
		}
	}
	if err := run.Metrics.Flush(); err != nil {
		log.Fatal(err)
	}
	changed, err := r.Refresh()
	if err != nil {
		log.Fatal(err)
	}
	points := r.Series().Points
	fmt.Println(r.Info().Model, changed, len(points), points[len(points)-1].Loss)
	// Output: cnn true 3 1.4
}
