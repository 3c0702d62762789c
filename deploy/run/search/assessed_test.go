package search

import (
	"fmt"
	"slices"
	"strconv"
	"testing"
)

// assessed returns a search whose predictor knows the values at a point.
func assessed(t testing.TB, of map[string]string, a Assessor) *Assessed {
	space := mustSpace(t, of)
	return NewAssessed(a, func(p Point) map[string]float64 {
		f := map[string]float64{}
		for i, value := range space.Values(p) {
			if x, err := strconv.ParseFloat(value, 64); err == nil {
				f[space[i].Key] = x
			} else {
				f[space[i].Key+"="+value] = 1
			}
		}
		return f
	})
}

// ridge is a space of one number, of which the accuracy is a function that the predictor can know.
var ridge = map[string]string{"x": "float(0, 1)"}

// A trial ends behind its first part where what is foretold of it stays below the best, and each other one is made to its end; one that failed
// is not gone on with.
func TestTrialsAreStoppedAsForetold(t *testing.T) {
	space := mustSpace(t, ridge)
	by := assessed(t, ridge, Assessor{Part: 0.25, Draws: 1, Least: 5})
	jobs, c := made(by, State{Space: space, Seed: 4, Trials: 40}, 4, 0, func(j Job) Result {
		x := j.Point[0]
		part := []float64{0.5, 1}[j.Rung]
		return Result{Accuracy: part * (1 - (x-0.4)*(x-0.4)), Failed: j.Trial == 7, FLOPs: part}
	})
	whole, firsts := map[int]bool{}, map[int]Job{}
	for _, j := range jobs {
		if j.Rung == 0 {
			firsts[j.Trial] = j
			continue
		}
		whole[j.Trial] = true
	}
	stopped, top := 0, 0
	for trial, j := range firsts {
		v := by.Verdict(j.Number)
		if trial == 7 {
			if v != nil || whole[trial] {
				t.Errorf("a trial that failed is assessed: %+v", v)
			}
			continue
		}
		if v == nil && !whole[trial] {
			t.Errorf("trial %d was not assessed, and is not made", trial)
		}
		if v != nil && (v.Stopped == whole[trial] || v.Stopped != (v.Foretold+v.Error < v.Best && !v.Leads)) {
			t.Errorf("trial %d: %+v, made to its end: %v", trial, v, whole[trial])
		}
		if v != nil && v.Stopped {
			stopped++
		}
	}
	for _, h := range c.Heard() {
		if x := h.Point[0]; h.Rung == 1 && (x-0.4)*(x-0.4) < 0.01 {
			top++
		}
	}
	if stopped < 10 || stopped+len(whole) != 39 || top == 0 {
		t.Errorf("%d stopped, %d made, %d of them good", stopped, len(whole), top)
	}
}

// A verdict is what a prediction from the results heard up to then says, worked out here from the list of what was heard.
func TestVerdictsAreOfWhatWasHeardBefore(t *testing.T) {
	space := mustSpace(t, ridge)
	by := assessed(t, ridge, Assessor{Part: 0.1, Draws: 1, Least: 4})
	of := func(j Job) Result { return Result{Accuracy: float64(1+j.Rung) * (1 - j.Point[0]), FLOPs: 1} }
	_, c := made(by, State{Space: space, Seed: 1, Trials: 20}, 3, 0, of)
	best, labels := 0.0, 0
	first, lead := map[int]float64{}, 0.0 // accuracies behind the first part, and the best of those of whole runs
	for _, h := range c.Heard() {
		if h.Rung == 1 {
			best, labels, lead = max(best, h.Accuracy), labels+1, max(lead, first[h.Trial])
			continue
		}
		first[h.Trial] = h.Accuracy
		v := by.Verdict(h.Number)
		if (v != nil) != (labels >= 4) || v != nil && (v.Best != best || v.Leads != (h.Accuracy > lead)) {
			t.Errorf("trial %d, of %d labels: %+v, best %v", h.Trial, labels, v, best)
		}
		if v != nil && (v.Foretold < 2*h.Accuracy-0.01 || v.Foretold > 2*h.Accuracy+0.01) {
			t.Errorf("trial %d will have %v: %+v", h.Trial, 2*h.Accuracy, v)
		}
	}
}

// Assessing finds a better place than random search by as many FLOPs, in the mean of 10 seeds: fewer of them go into trials that
// end badly, and draws are chosen.
func TestAssessingFindsMoreForTheSameComputation(t *testing.T) {
	space := mustSpace(t, hills)
	mean := map[string]float64{}
	const seeds, most = 10, 24
	for seed := range uint64(seeds) {
		for name, by := range map[string]Searcher{"random": Random{}, "stops": assessed(t, hills, Assessor{0.25, 1, 8}), "both": assessed(t, hills, Assessor{0.25, 8, 8})} {
			_, c := made(by, State{Space: space, Seed: seed, Trials: 200}, 4, most, func(j Job) Result {
				whole := heightOf(space.Values(j.Point))
				if name == "random" {
					return Result{Accuracy: whole, FLOPs: 1}
				}
				return Result{Accuracy: whole * []float64{0.4, 1}[j.Rung], FLOPs: []float64{0.25, 0.75}[j.Rung]}
			})
			mean[name] += best(c.Heard(), func(h Heard) bool { return name == "random" || h.Rung == 1 }).Accuracy / seeds
		}
	}
	t.Logf("mean of the best: %v", mean)
	if mean["stops"] <= mean["random"] || mean["both"] <= mean["stops"] {
		t.Errorf("mean of the best: %v", mean)
	}
}

// Until the predictor knows enough, all trials are those of random search, and so are those whose settings it cannot tell of.
func TestProposalsBeginAsRandomSearch(t *testing.T) {
	space := mustSpace(t, hills)
	s := State{Space: space, Seed: 2, Trials: 30}
	of := func(j Job) Result { return Result{Accuracy: heightOf(space.Values(j.Point))} }
	random, _ := made(Random{}, s, 4, 0, of)
	points := func(jobs []Job) (list []string) {
		for _, j := range jobs {
			if j.Rung == 0 {
				list = append(list, fmt.Sprint(j.Point))
			}
		}
		return list
	}
	jobs, _ := made(assessed(t, hills, Assessor{0.25, 8, 8}), s, 4, 0, of)
	if got, want := points(jobs), points(random); !slices.Equal(got[:8], want[:8]) || slices.Equal(got, want) {
		t.Errorf("%v\n%v", got, want)
	}
	blind := NewAssessed(Assessor{0.25, 8, 8}, func(Point) map[string]float64 { return nil })
	jobs, _ = made(blind, s, 4, 0, of)
	if !slices.Equal(points(jobs), points(random)) {
		t.Error("who knows nothing of settings chooses")
	}
}

func TestFaultsOfAssessors(t *testing.T) {
	a := DefaultAssessor()
	if err := a.Validate(16); err != nil {
		t.Error(err)
	}
	for name, change := range map[string]func(*Assessor){
		"part": func(a *Assessor) { a.Part = 1 }, "draws": func(a *Assessor) { a.Draws = 0 }, "least": func(a *Assessor) { a.Least = 3 },
	} {
		b := a
		if change(&b); b.Validate(16) == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if a.Validate(MaxAssessed+1) == nil {
		t.Error("too many trials")
	}
}
