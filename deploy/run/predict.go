package run

import (
	"context"
	"fmt"
	"runtime"

	"golang.org/x/sync/errgroup"

	"github.com/tinygrow/tinygrow/deploy/run/infer"
	"github.com/tinygrow/tinygrow/worker/dataset"
)

// Network prepares the saved model to be asked about pictures.
func (s *Saved) Network() (*infer.Network, error) {
	if err := s.trained(); err != nil {
		return nil, err
	}
	n, err := infer.New(s.Model, s.Card, s.Settings.Worker.Threads)
	if err != nil {
		return nil, as(ErrRun, fmt.Errorf("%s: %w", s.Path, err))
	}
	return n, nil
}

// Prediction is what a network says of one file.
type Prediction struct {
	Path string `json:"path"`
	// Top are the classes that the picture may be of, the most probable first.
	Top []infer.Choice `json:"top,omitempty"`
	// Outputs are what the network computed, in the order of the classes; told if asked for.
	Outputs []float32 `json:"outputs,omitempty"`
	// Fault says why the file could not be read; then Top is empty.
	Fault string `json:"error,omitempty"`
}

// predictAtOnce bounds how many pictures are in memory.
const predictAtOnce = 512

// Predict says of each file which k classes it may be of, in the order of the files.
// What cannot be read is told and counts among the faults; the error is that of
// ctx or of tell.
func Predict(ctx context.Context, n *infer.Network, files []string, k int, tell func(Prediction) error) (faults int, err error) {
	for len(files) > 0 {
		part := files[:min(len(files), predictAtOnce)]
		files = files[len(part):]
		images, errs := make([][]byte, len(part)), make([]error, len(part))
		var group errgroup.Group
		group.SetLimit(runtime.GOMAXPROCS(0))
		for i, path := range part {
			group.Go(func() error {
				if errs[i] = ctx.Err(); errs[i] == nil {
					images[i], errs[i] = dataset.ReadLoose(path, n.Card.Input)
				}
				return nil
			})
		}
		_ = group.Wait()
		var good [][]byte
		for _, image := range images {
			if image != nil {
				good = append(good, image)
			}
		}
		outputs, err := n.Pictures(ctx, good)
		if err != nil {
			return faults, err
		}
		at := 0
		for i, path := range part {
			p := Prediction{Path: path}
			if errs[i] != nil {
				p.Fault = errs[i].Error()
				faults++
			} else {
				p.Outputs = n.Row(outputs, at)
				p.Top = n.Top(p.Outputs, k)
				at++
			}
			if err := tell(p); err != nil {
				return faults, err
			}
		}
	}
	return faults, nil
}
