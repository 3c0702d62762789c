package trainer

import (
	"testing"

	"github.com/tinygrow/tinygrow/growth"
	"github.com/tinygrow/tinygrow/proto"
)

// What is ahead after each step is what comes until the end.
func TestAheadIsWhatComes(t *testing.T) {
	cases := map[string]func(*Settings){
		"every steps":   func(*Settings) {},
		"no growth":     func(s *Settings) { s.Growth.Policy = growth.PolicyNone },
		"rarely tested": func(s *Settings) { s.Train.EvalEpochs = 2 },
		"tested last":   func(s *Settings) { s.Train.EvalEpochs = 0 },
		"validation":    func(s *Settings) { s.Train.Validation = 30 },
	}
	for name, change := range cases {
		t.Run(name, func(t *testing.T) {
			set := toySettings()
			set.Growth.Fixed.MaxRefusals = 0
			change(&set)
			checkAhead(t, newToyOf(t, set))
		})
	}
}

func checkAhead(t *testing.T, tr *Trainer) {
	if _, err := tr.Begin(); err != nil {
		t.Fatal(err)
	}
	said := []Ahead{tr.Ahead()}
	came := []Ahead{{}} // since the start
	var sum Ahead
	for r, more := tr.Next(); more; r, more = tr.Next() {
		a, err := tr.Apply(compute(tr, r, proto.Root(r.MicroShards())))
		if err != nil {
			t.Fatal(err)
		}
		if a.Eval != nil {
			sum.EvaluationSamples += a.Eval.Samples
		}
		if a.Growth != nil {
			sum.Events++
		}
		if a.Step != nil {
			sum.Samples += a.Step.Samples
			said, came = append(said, tr.Ahead()), append(came, sum)
		}
	}
	for i, got := range said {
		want := Ahead{sum.Samples - came[i].Samples, sum.Events - came[i].Events, got.EventSamples, sum.EvaluationSamples - came[i].EvaluationSamples}
		if got != want {
			t.Errorf("after step %d: %+v ahead, %+v came", i, got, want)
		}
	}
}
