package main

import (
	"context"
	"errors"
	"log"
	"math"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/tinygrow/tinygrow/coordinator/export"
	"github.com/tinygrow/tinygrow/deploy/run"
	"github.com/tinygrow/tinygrow/tensor/nn"
)

// A cluster in memory: one goroutine is the coordinator, another a worker as it would be on another machine,
// which fetches the data and has the layer. Then the network is asked.
func Example() {
	dir, err := os.MkdirTemp("", "owncode")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	at := place{dir: dir, server: "mem://owncode"}
	var together sync.WaitGroup
	together.Go(func() {
		if err := work(context.Background(), at); err != nil {
			log.Fatal(err)
		}
	})
	if err := train(context.Background(), at); err != nil {
		log.Fatal(err)
	}
	together.Wait()
	if err := predict(context.Background(), at, 3); err != nil {
		log.Fatal(err)
	}
	// Output:
	// 60 steps; 2 growth events; 100 % of the test pictures are told right
	// picture 0 is lying
	// picture 1 is standing
	// picture 2 is leaning
}

// Weights and architecture of a network with a layer of one's own are written where a program of one's
// own reads them; what other programs would have to compute is refused.
func TestExports(t *testing.T) {
	dir := t.TempDir()
	at := place{dir: dir, workers: 2}
	if err := train(t.Context(), at); err != nil {
		t.Fatal(err)
	}
	saved, err := run.Open(at.run())
	if err != nil {
		t.Fatal(err)
	}
	if saved.Model.Graph.Node("act1").Op != opSquash {
		t.Error("the layer is not in the network")
	}
	if w := saved.Model.Graph.Widths(); w["conv1"]+w["conv2"] <= 10 {
		t.Errorf("it did not grow: %v", w)
	}
	for _, format := range []export.Format{"safetensors", "npz"} {
		path := filepath.Join(dir, string(format))
		if format == "npz" {
			path += ".npz"
		}
		if err := saved.Export(format, path); err != nil {
			t.Fatal(err)
		}
		if again, err := run.Open(path); err != nil || again.Model.Digest() != saved.Model.Digest() {
			t.Errorf("%s is read as another model: %v", format, err)
		}
	}
	for _, format := range []export.Format{"onnx", "pytorch"} {
		path := filepath.Join(dir, string(format))
		if err := saved.Export(format, path); !errors.Is(err, export.ErrCannot) {
			t.Errorf("%s of a layer of one's own: %v", format, err)
		}
		if _, err := os.Stat(path); err == nil {
			t.Errorf("%s left something", format)
		}
	}
}

// The gradients of the layer are those of finite differences, and its parameter moved.
func TestSquash(t *testing.T) {
	x, params := []float32{-2, -0.5, 0, 0.25, 3}, []float32{1.5}
	loss := func() (sum float64) {
		y := make([]float32, len(x))
		squash{}.Forward(nn.Shape{}, y, x, params)
		for i, v := range y {
			sum += float64(i+1) * float64(v)
		}
		return sum
	}
	dy, dx, dp := []float32{1, 2, 3, 4, 5}, make([]float32, len(x)), make([]float32, 1)
	squash{}.Backward(nn.Shape{}, dx, dp, dy, x, params)
	for _, c := range []struct {
		at  *float32
		got float32
	}{{&x[0], dx[0]}, {&x[1], dx[1]}, {&x[3], dx[3]}, {&x[4], dx[4]}, {&params[0], dp[0]}} {
		const h = 1e-2
		was := *c.at
		*c.at = was + h
		up := loss()
		*c.at = was - h
		down := loss()
		*c.at = was
		if want := (up - down) / (2 * h); math.Abs(want-float64(c.got)) > 1e-3*(1+math.Abs(want)) {
			t.Errorf("gradient %v, differences give %v", c.got, want)
		}
	}
}
