package stat

import (
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tinygrow/tinygrow/coordinator/trainer"
)

func TestRunsAreMadeAndToldOf(t *testing.T) {
	var out strings.Builder
	runs := Runs{Dir: t.TempDir(), Most: 12, Out: &out}
	small := map[string]string{"data.name": "shapes", "data.limit": "128", "model.name": "mlp", "model.widths": "[2]", "train.batch": "64",
		"train.steps": "2", "worker.threads": "1", "growth.policy": "none", "report": "false"}
	for range 10 {
		r, err := runs.Train(t.Context(), "one", Given(small, nil))
		if err != nil {
			t.Fatal(err)
		}
		if !r.Whole || len(r.Steps) != 2 || r.Result.ParamsEnd == 0 || r.Dir != filepath.Join(runs.Dir, "one") {
			t.Errorf("%+v", r)
		}
	}
	if got := out.String(); !strings.HasPrefix(got, "10 of at most 12 runs in ") || !strings.HasSuffix(got, " to go\n") || strings.Count(got, "\n") != 1 {
		t.Errorf("%q", got)
	}
	r, err := runs.Train(t.Context(), "one", Given(small, map[string]string{"optim.lr": "1e6", "optim.clip_norm": "0", "optim.name": "sgd", "train.steps": "20"}))
	if err != nil || r.Whole || len(r.Steps) == 20 {
		t.Errorf("a run that diverges: %+v, %v", r, err)
	}
	if _, err := runs.Train(t.Context(), "one", Given(small, map[string]string{"optim.lr": "many"})); err == nil {
		t.Error("a setting that is none is taken")
	}
	ended, stop := context.WithCancelCause(t.Context())
	why := errors.New("enough")
	stop(why)
	if _, err := runs.Train(ended, "one", Given(small, nil)); !errors.Is(err, why) {
		t.Errorf("a run that is stopped: %v", err)
	}
}

func TestGivenIsInOneOrder(t *testing.T) {
	g := Given(map[string]string{"b": "1", "a": "1", "model.name": "vgg"}, map[string]string{"b": "2"})
	if !slices.Equal(g.Assignments, []string{"a=1", "b=2"}) || len(g.Flags) != 1 || g.Flags[0].Value != "vgg" {
		t.Errorf("%+v", g)
	}
}

func TestLast(t *testing.T) {
	r := Run{Steps: []trainer.StepRecord{{Loss: 9}, {Loss: 1}, {Loss: 3}}}
	for n, want := range map[int]float64{0: math.Inf(1), 1: 3, 2: 2, 4: math.Inf(1)} {
		if got := r.Last(n, Loss); got != want {
			t.Errorf("of %d steps: %v, not %v", n, got, want)
		}
	}
}

func TestPrint(t *testing.T) {
	was := os.Stdout
	defer func() { os.Stdout = was }()
	f, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	os.Stdout = f
	if err := Print(map[string]int{"a": 1}); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(f.Name()); err != nil || string(got) != "{\n \"a\": 1\n}\n" {
		t.Errorf("%q, %v", got, err)
	}
}
