package search

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
)

// hills is a cheap function with a known optimum: 1 at a = 11, b = 3, c = 7, d = 14, kind q.
var hills = map[string]string{"a": "int(0, 15)", "b": "int(0, 15)", "c": "int(0, 15)", "d": "int(0, 15)", "kind": "choice(p, q, r, s)"}

func heightOf(values []string) float64 {
	height := 1.0
	for i, best := range []float64{11, 3, 7, 14} {
		x, _ := strconv.ParseFloat(values[i], 64)
		height -= (x - best) * (x - best) / 900
	}
	if values[4] != "q" {
		height -= 0.2
	}
	return height
}

// searchers with the slots that they may have.
func searchers(trials int) map[string]Searcher {
	asha := DefaultASHA()
	if err := asha.Validate(trials); err != nil {
		panic(err)
	}
	return map[string]Searcher{"random": Random{}, "sso": DefaultSSO(), "evolve": DefaultEvolve(), "asha": asha}
}

const slots = 8

// made makes a search alone, a job after the other, and returns what was given out.
func made(by Searcher, s State, slots int, most float64, of func(Job) Result) ([]Job, *Clock) {
	c := NewClock(by, s, slots, most)
	jobs := c.Advance(func(j Job) (Result, bool) { return of(j), true })
	if !c.Done() {
		panic("the clock stands still, and has all results")
	}
	return slices.Clone(jobs), c
}

// Swarm and evolution find a better place than as many random trials, on the mean of 20 seeds, and come
// near the optimum, which is known by trying all 262,144 places.
func TestSearchersFindAKnownOptimum(t *testing.T) {
	space := mustSpace(t, hills)
	best := 0.0
	for i := range 1 << 18 {
		values := []string{strconv.Itoa(i & 15), strconv.Itoa(i >> 4 & 15), strconv.Itoa(i >> 8 & 15), strconv.Itoa(i >> 12 & 15), "pqrs"[i>>16 : i>>16+1]}
		best = max(best, heightOf(values))
	}
	if best != 1 {
		t.Fatalf("the optimum is %v", best)
	}
	mean := map[string]float64{}
	const seeds, trials = 20, 128
	for name, by := range searchers(trials) {
		for seed := range uint64(seeds) {
			_, c := made(by, State{Space: space, Seed: seed, Trials: trials}, slots, 0, func(j Job) Result {
				return Result{Accuracy: heightOf(space.Values(j.Point)), FLOPs: 1}
			})
			top := ranked(c.Heard())[0]
			mean[name] += top.Accuracy / seeds
		}
	}
	t.Logf("mean of the best: %v", mean)
	if mean["sso"] <= mean["random"] || mean["sso"] < 0.97 {
		t.Errorf("sso finds %.4f, random %.4f", mean["sso"], mean["random"])
	}
	if mean["evolve"] <= mean["random"] || mean["evolve"] < 0.97 {
		t.Errorf("evolve finds %.4f, random %.4f", mean["evolve"], mean["random"])
	}
	if mean["random"] < 0.8 {
		t.Errorf("random finds %.4f", mean["random"])
	}
}

// Successive halving finds a better place than whole runs of random trials for the same computation,
// where what a part of a run tells of the whole is right but for some noise.
func TestASHAFindsMoreForTheSameComputation(t *testing.T) {
	space := mustSpace(t, hills)
	a := ASHA{Eta: 4, Rungs: 2}
	asha, random := 0.0, 0.0
	const seeds, units = 20, 40 * 16 // 40 whole runs
	for seed := range uint64(seeds) {
		noisy := func(j Job) Result {
			noise := rand.New(rand.NewPCG(seed, uint64(j.Trial*8+j.Rung))).NormFloat64()
			return Result{Accuracy: heightOf(space.Values(j.Point)) + noise*0.05*(1-a.Part(j.Rung)), FLOPs: float64(a.Length(j.Rung))}
		}
		_, c := made(a, State{Space: space, Seed: seed, Trials: 1000}, slots, units, noisy)
		top := best(c.Heard(), func(h Heard) bool { return h.Rung == a.Rungs })
		asha += heightOf(space.Values(top.Point)) / seeds
		_, c = made(Random{}, State{Space: space, Seed: seed, Trials: units / 16}, slots, 0, func(j Job) Result {
			return Result{Accuracy: heightOf(space.Values(j.Point))}
		})
		random += ranked(c.Heard())[0].Accuracy / seeds
	}
	t.Logf("asha %.4f, random %.4f", asha, random)
	if asha <= random {
		t.Errorf("asha finds %.4f, random %.4f", asha, random)
	}
}

// The order of promotions, worked out by hand from algorithm 2 of [asha]: eta 2, rungs behind 1/4, 1/2 and
// all of a run, one slot, and trials that are the better the higher their number's digit here.
func TestASHAPromotesAsByHand(t *testing.T) {
	score := []float64{3, 5, 1, 4, 8, 2, 7, 6}
	space := mustSpace(t, map[string]string{"x": "float(0, 1)"})
	jobs, _ := made(ASHA{Eta: 2, Rungs: 2}, State{Space: space, Trials: len(score)}, 1, 0, func(j Job) Result {
		return Result{Accuracy: score[j.Trial]}
	})
	var got []string
	for _, j := range jobs {
		got = append(got, fmt.Sprintf("%d@%d", j.Trial, j.Rung))
	}
	want := []string{
		"0@0", "1@0", "1@1", // of two on rung 0 the better one is 1
		"2@0", "3@0", "3@1", // of 3 5 1 4 the best two are 1 and 3
		"1@2",        // of 5 4 on rung 1 the best is 1
		"4@0", "4@1", // of 3 5 1 4 8 the best two are 4 and 1
		"4@2",               // of 5 4 8 on rung 1 the best is 4
		"5@0", "6@0", "6@1", // of six the best three went on; of 3 5 1 4 8 2 7 they are 4, 6 and 1
		"6@2",        // of 5 4 8 7 on rung 1 the best two are 4 and 6
		"7@0", "7@1", // of all eight the best four are 4, 6, 7 and 1
	}
	if !slices.Equal(got, want) {
		t.Errorf("%v, want\n%v", got, want)
	}
}

// A second program of algorithm 2, which keeps no state but the lists of rungs, gives out the same jobs.
func TestASHAAgreesWithASecondProgram(t *testing.T) {
	space := mustSpace(t, map[string]string{"x": "float(0, 1)"})
	for seed := range uint64(20) {
		draws := rand.New(rand.NewPCG(seed, 1))
		scores := make([]float64, 100)
		for i := range scores {
			scores[i] = draws.Float64()
		}
		eta, rungs := 2+int(seed%3), 1+int(seed%2)
		jobs, _ := made(ASHA{Eta: eta, Rungs: rungs}, State{Space: space, Seed: seed, Trials: len(scores)}, 1, 0, func(j Job) Result {
			return Result{Accuracy: scores[j.Trial]}
		})
		var want []Job
		lists, promoted := make([][]int, rungs+1), make([]map[int]bool, rungs+1)
		for begun := 0; ; {
			next := Job{Trial: -1}
			for k := rungs - 1; k >= 0 && next.Trial < 0; k-- {
				top := slices.Clone(lists[k])
				slices.SortFunc(top, func(a, b int) int {
					if scores[a] > scores[b] {
						return -1
					}
					return 1
				})
				for _, trial := range top[:len(top)/eta] {
					if !promoted[k][trial] {
						next = Job{Trial: trial, Rung: k + 1}
						if promoted[k] == nil {
							promoted[k] = map[int]bool{}
						}
						promoted[k][trial] = true
						break
					}
				}
			}
			if next.Trial < 0 {
				if begun == len(scores) {
					break
				}
				next.Trial = begun
				begun++
			}
			lists[next.Rung] = append(lists[next.Rung], next.Trial)
			want = append(want, next)
		}
		same := slices.EqualFunc(jobs, want, func(a, b Job) bool { return a.Trial == b.Trial && a.Rung == b.Rung })
		if !same {
			t.Fatalf("seed %d, eta %d, %d rungs: %d jobs, want %d, or in another order", seed, eta, rungs, len(jobs), len(want))
		}
	}
}

// Each variable of a particle is one of four, with the chances of Cg, Cp and Cw.
func TestSwarmUpdatesAsItsFormulaSays(t *testing.T) {
	space := mustSpace(t, map[string]string{"x": "float(0, 1)"})
	o := DefaultSSO()
	from := map[string]int{}
	const trials = 4000
	jobs, c := made(o, State{Space: space, Seed: 3, Trials: trials}, slots, 0, func(j Job) Result {
		return Result{Accuracy: float64(j.Trial % 37)} // none is best for long in its own memory, and ties go to the earlier one
	})
	heard := c.Heard()
	for n := o.Population; n < trials; n++ {
		known := heard[:n-slots+1] // in the time of the clock: all whose jobs have ended
		global := best(known, func(Heard) bool { return true })
		own := best(known, func(h Heard) bool { return h.Trial%o.Population == n%o.Population })
		switch x := jobs[n].Point[0]; {
		case x == global.Point[0] && x == own.Point[0], x == own.Point[0] && x == jobs[n-o.Population].Point[0],
			x == global.Point[0] && x == jobs[n-o.Population].Point[0]:
			from["unclear"]++
		case x == global.Point[0]:
			from["global"]++
		case x == own.Point[0]:
			from["own"]++
		case x == jobs[n-o.Population].Point[0]:
			from["kept"]++
		default:
			from["new"]++
		}
	}
	clear := float64(trials - o.Population)
	if part := float64(from["new"]) / clear; part < 0.08 || part > 0.12 {
		t.Errorf("new in %.3f of the updates, want 0.1: %v", part, from)
	}
	if from["global"] == 0 || from["own"] == 0 || from["kept"] == 0 || float64(from["global"]+from["unclear"])/clear < 0.38 {
		t.Errorf("%v", from)
	}
}

// An individual is its list of seeds: anybody who knows the space rebuilds it, and each child has the
// seeds of one of the better half and one more.
func TestIndividualsAreTheirSeeds(t *testing.T) {
	space := mustSpace(t, hills)
	e := DefaultEvolve()
	jobs, c := made(e, State{Space: space, Seed: 5, Trials: 64}, slots, 0, func(j Job) Result {
		return Result{Accuracy: heightOf(space.Values(j.Point))}
	})
	longest := 0
	for _, j := range jobs {
		if !slices.Equal(e.Rebuild(mustSpace(t, hills), j.Seeds), j.Point) {
			t.Fatalf("trial %d is rebuilt to another point", j.Trial)
		}
		longest = max(longest, len(j.Seeds))
		if j.Trial < e.Population {
			continue
		}
		parents := ranked(c.Heard()[:j.Trial-slots+1])
		parents = parents[:min(len(parents), e.Population/2)]
		if !slices.ContainsFunc(parents, func(h Heard) bool { return slices.Equal(h.Seeds, j.Seeds[:len(j.Seeds)-1]) }) {
			t.Errorf("trial %d has no parent in the better half", j.Trial)
		}
	}
	if longest < 4 {
		t.Errorf("the longest list has %d seeds: nothing was inherited twice", longest)
	}
}

// Whatever ends first, with however many processes and however often all starts anew with what is known:
// the same jobs are given out, and heard in the same order.
func TestJobsDoNotDependOnWhatEndsFirst(t *testing.T) {
	space := mustSpace(t, hills)
	result := func(j Job) Result {
		return Result{Accuracy: heightOf(space.Values(j.Point)) * (0.5 + float64(j.Rung)), Failed: j.Trial%11 == 5, FLOPs: float64(1 + j.Trial%3)}
	}
	all := searchers(40)
	all["assessed"] = assessed(t, hills, Assessor{0.25, 4, 6})
	for name, by := range all {
		for _, most := range []float64{0, 50} {
			s := State{Space: space, Seed: 9, Trials: 40}
			want, whole := made(by, s, slots, most, result)
			tries := uint64(20)
			if name == "assessed" { // whose decisions take time
				tries = 4
			}
			for try := range tries {
				draws := rand.New(rand.NewPCG(try, 7))
				parallel := 1 + int(try%6)
				known := map[int]Result{}
				clock := NewClock(by, s, slots, most)
				var jobs []Job
				for {
					jobs = append(jobs, clock.Advance(func(j Job) (Result, bool) { r, ok := known[j.Number]; return r, ok })...)
					var open []Job
					for _, j := range jobs {
						if _, has := known[j.Number]; !has {
							open = append(open, j)
						}
					}
					if len(open) == 0 {
						break
					}
					j := open[draws.IntN(min(len(open), parallel))]
					known[j.Number] = result(j)
					if draws.IntN(8) == 0 { // killed
						clock, jobs = NewClock(by, s, slots, most), nil
					}
				}
				same := func(a, b Job) bool {
					return a.Number == b.Number && a.Trial == b.Trial && a.Rung == b.Rung && slices.Equal(a.Point, b.Point) && slices.Equal(a.Seeds, b.Seeds)
				}
				if !clock.Done() || !slices.EqualFunc(jobs, want, same) {
					t.Fatalf("%s, try %d: %d jobs, undisturbed %d", name, try, len(jobs), len(want))
				}
				if !slices.EqualFunc(clock.Heard(), whole.Heard(), func(a, b Heard) bool { return same(a.Job, b.Job) && a.Result == b.Result }) {
					t.Fatalf("%s, try %d: results are heard in another order", name, try)
				}
			}
			if most > 0 && (!whole.Spent() || len(want) == 0) {
				t.Errorf("%s: a budget of %v is not spent by %d jobs", name, most, len(want))
			}
		}
	}
}

// Trials that failed are never the best, and never promoted.
func TestFailedTrialsAreWorst(t *testing.T) {
	space := mustSpace(t, hills)
	jobs, _ := made(ASHA{Eta: 2, Rungs: 2}, State{Space: space, Trials: 32}, slots, 0, func(j Job) Result {
		return Result{Accuracy: 1, Failed: j.Trial%2 == 0}
	})
	for _, j := range jobs {
		if j.Rung > 0 && j.Trial%2 == 0 {
			t.Errorf("trial %d failed and was promoted", j.Trial)
		}
	}
	if !slices.ContainsFunc(jobs, func(j Job) bool { return j.Rung == 2 }) {
		t.Error("none was promoted")
	}
}

func TestFaultsOfSearchers(t *testing.T) {
	for name, err := range map[string]error{
		"particles":   SSO{Population: 4, Cg: 0.4, Cp: 0.7, Cw: 0.9}.Validate(8),
		"constants":   SSO{Population: 8, Cg: 0.7, Cp: 0.4, Cw: 0.9}.Validate(8),
		"one":         Evolve{Population: 1, Strength: 0.1}.Validate(1),
		"strength":    Evolve{Population: 8, Strength: 2}.Validate(8),
		"eta":         ASHA{1, 2}.Validate(100),
		"rungs":       ASHA{4, 0}.Validate(100),
		"no end":      ASHA{4, 2}.Validate(15),
		"individuals": Evolve{Population: 4, Strength: 0.1}.Validate(8),
	} {
		if err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if err := (ASHA{4, 2}).Validate(16); err != nil {
		t.Error(err)
	}
}
