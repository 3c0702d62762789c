package run

import (
	"context"

	"github.com/tinygrow/tinygrow/deploy/run/infer"
	"github.com/tinygrow/tinygrow/tensor/nn"
	"github.com/tinygrow/tinygrow/worker/dataset"
)

// RowPrediction is what a network says of one row of a table.
type RowPrediction struct {
	Path string `json:"path"`
	Line int    `json:"line"` // line of the file
	// Top are the classes that the row may be of, the most probable first, or, of labels of their own, all of
	// them with the probability of each.
	Top []infer.Choice `json:"top,omitempty"`
	// Numbers are what a regression tells, by the name of the target.
	Numbers []Number `json:"numbers,omitempty"`
	// Outputs are what the network computed, in the order of the classes or targets; told if asked for.
	Outputs []float32 `json:"outputs,omitempty"`
}

// Number is a target and what is told of it.
type Number struct {
	Target string  `json:"target"`
	Value  float64 `json:"value"`
}

// PredictRows says of each row of a table which k classes it may be of, or which numbers its targets are, in
// the order of the rows. A row that cannot be read ends it.
func PredictRows(ctx context.Context, n *infer.Network, path string, k int, tell func(RowPrediction) error) error {
	var rows [][]byte
	var lines []int
	flush := func() error {
		outputs, err := n.Pictures(ctx, rows)
		if err != nil {
			return err
		}
		for i, line := range lines {
			p := RowPrediction{Path: path, Line: line, Outputs: n.Row(outputs, i)}
			switch n.Card.Task {
			case nn.Regression:
				for t, v := range n.Numbers(p.Outputs) {
					p.Numbers = append(p.Numbers, Number{n.Card.Classes[t], v})
				}
			case nn.MultiLabel:
				p.Top = n.Top(p.Outputs, len(p.Outputs))
			default:
				p.Top = n.Top(p.Outputs, k)
			}
			if err := tell(p); err != nil {
				return err
			}
		}
		rows, lines = rows[:0], lines[:0]
		return nil
	}
	err := dataset.EachRow(path, n.Card, func(line int, row []byte) error {
		rows, lines = append(rows, append([]byte(nil), row...)), append(lines, line)
		if len(rows) < predictAtOnce {
			return nil
		}
		return flush()
	})
	if err != nil {
		return as(ErrData, err)
	}
	return flush()
}
