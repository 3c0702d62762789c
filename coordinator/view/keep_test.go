package view

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/tinygrow/tinygrow/coordinator/checkpoint"
	"github.com/tinygrow/tinygrow/proto"
)

// The newest checkpoint always stays; beside it that of the best evaluation, the
// validation counting where there is one, and the newest before each event that grew.
func TestKeep(t *testing.T) {
	dir := t.TempDir()
	for _, step := range []proto.Step{10, 20, 30, 40, 50} {
		if err := os.MkdirAll(checkpoint.StepDir(dir, step), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "checkpoints", ".new-step-60"), 0o755); err != nil {
		t.Fatal(err)
	}
	r := &Run{dir: dir, evaluations: []Evaluation{{Split: "test", Step: 20, Accuracy: 0.5}, {Split: "test", Step: 25, Accuracy: 0.9},
		{Split: "test", Step: 40, Accuracy: 0.5}},
		events: []Event{{Step: 5, Grown: []Grown{{}}}, {Step: 12}, {Step: 35, Grown: []Grown{{}}}, {Step: 40, Grown: []Grown{{}}}}}
	validated := *r
	validated.evaluations = append(validated.evaluations, Evaluation{Split: "validation", Step: 10, Accuracy: 0.1})
	for _, c := range []struct {
		run  *Run
		keep Keeping
		want string
	}{
		{r, Keeping{}, "[50]"},
		{r, Keeping{Last: 2}, "[40 50]"},
		{r, Keeping{Last: 9}, "[10 20 30 40 50]"},
		{r, Keeping{Last: 1, Best: true}, "[20 50]"},
		{&validated, Keeping{Last: 1, Best: true}, "[10 50]"},
		{r, Keeping{Last: 1, Growth: true}, "[30 40 50]"},
	} {
		if got, err := c.run.Keep(c.keep); err != nil || fmt.Sprint(got) != c.want {
			t.Errorf("%+v: %v, %v, want %s", c.keep, got, err, c.want)
		}
	}
}
