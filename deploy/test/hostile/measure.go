package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/tinygrow/tinygrow/proto"
)

// outcome is the whole report.
type outcome struct {
	Date    string    `json:"date"`
	CPUs    int       `json:"cpus"`
	Steps   int       `json:"steps"`
	CalmS   float64   `json:"calm_s"`
	AttackS float64   `json:"attack_s"`
	Calm    []figures `json:"undisturbed"`
	Attacks []figures `json:"attacks"`
}

// figures are what came of one run.
type figures struct {
	Name     string   `json:"name"`
	What     string   `json:"what,omitempty"`
	Settings []string `json:"settings,omitempty"`
	// Before and Under are steps a second before and during the attack.
	Before float64 `json:"steps_per_s_before"`
	Under  float64 `json:"steps_per_s_under"`
	Ratio  float64 `json:"ratio"`
	// Peak is the memory of the coordinator in MB, Log what it wrote in bytes.
	Peak    float64 `json:"peak_mb"`
	Log     int     `json:"log_bytes"`
	Escapes int     `json:"raw_escapes_in_log"`
	Forged  int     `json:"forged_lines_in_log"`
	// Quarantined are the honest workers among those that the run accuses.
	Quarantined []string `json:"honest_quarantined"`
	Accused     []string `json:"others_quarantined,omitempty"`
	Touched     []string `json:"streams_touched"`
	End         string   `json:"end"`
	Hashes      string   `json:"hashes"` // hashes of model, optimizer and journal
	Attacker    *sent    `json:"attacker,omitempty"`
	Faults      []string `json:"broken_promises,omitempty"`
}

// limit is how long a run may take before it counts as hung.
const limit = 180 * time.Second

func measure(f flags, dir string, a attack) (figures, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return figures{}, err
	}
	s, err := newSite(dir)
	if err != nil {
		return figures{}, err
	}
	defer s.close()
	runDir := filepath.Join(dir, "run")
	args := []string{"coordinator", "--run", string(run), "--run-dir", runDir, "--json", "--limit", "2048", "--model", "mlp",
		"--batch", "256", "--microshard", "16", "--steps", fmt.Sprint(f.steps),
		"--set", "train.eval_epochs=20", "--set", "growth.every_steps=150", "--set", "cluster.min_workers=3"}
	for _, x := range a.settings {
		args = append(args, "--set", x)
	}
	coordinator, err := s.start(program{f.binary, "coordinator", "coordinator"}, args...)
	if err != nil {
		return figures{}, err
	}
	defer coordinator.stop()
	v := victim{Run: run, Window: f.window}
	if v.Key, err = s.access("worker", proto.WorkerRole); err != nil {
		return figures{}, err
	}
	for i := range honest {
		id, dir := honestName(i), filepath.Join("workers", honestName(i))
		own, err := s.access(dir, proto.WorkerRole)
		if err != nil {
			return figures{}, err
		}
		w, err := s.start(program{f.binary, id, dir}, "worker", "--run", string(run), "--threads", "1", "--set", "worker.id="+id,
			"--cache", filepath.Join(s.dir, id+"-cache"))
		if err != nil {
			return figures{}, err
		}
		defer w.stop()
		v.Honest = append(v.Honest, own.Key.Worker(proto.WorkerID(id)))
	}
	got := figures{Name: a.name, What: a.what, Settings: a.settings, Quarantined: []string{}}
	deadline := time.Now().Add(limit)
	for coordinator.started.Load() == 0 || !hasSteps(runDir) {
		if time.Now().After(deadline) {
			return figures{}, errors.New("the run does not begin")
		}
		time.Sleep(20 * time.Millisecond)
	}
	time.Sleep(f.calm)
	coordinator.watch(&got.Peak)
	began := time.Now()
	if a.do != nil {
		if got.Attacker, err = unleash(a.name, &v); err != nil {
			return figures{}, err
		}
	} else {
		time.Sleep(f.window)
	}
	ended := time.Now()
	for got.End == "" {
		select {
		case <-coordinator.done:
			got.End = "complete"
			if coordinator.err != nil {
				got.End = lastLine(coordinator.log)
			}
		case <-time.After(100 * time.Millisecond):
			if time.Now().After(deadline) {
				got.End = fmt.Sprintf("not done after %s", limit)
			}
		}
	}
	coordinator.stop()
	since := time.Unix(0, coordinator.started.Load())
	got.Before = steps(runDir, began.Add(-f.calm).Sub(since), began.Sub(since))
	got.Under = steps(runDir, began.Sub(since), ended.Sub(since))
	got.Ratio = got.Under / max(got.Before, 1e-9)
	got.Touched = s.touched()
	return got, got.read(coordinator)
}

// unleash runs an attack in a process of its own, to which the processor
// belongs only where nobody else wants it.
func unleash(name string, v *victim) (*sent, error) {
	on, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	c := exec.Command("nice", "-n", "19", self, "attack", name, string(on))
	c.Stderr = os.Stderr
	out, err := c.Output()
	if err != nil {
		return nil, fmt.Errorf("attacker: %w", err)
	}
	s := new(sent)
	return s, json.Unmarshal(out, s)
}

// record is a line of the metrics.
type record struct {
	Kind string  `json:"kind"`
	Wall float64 `json:"wall_s"`
}

func records(runDir string) (list []record) {
	text, _ := os.ReadFile(filepath.Join(runDir, "metrics.jsonl"))
	for line := range bytes.Lines(text) {
		var r record
		if json.Unmarshal(line, &r) == nil && r.Kind == "step" {
			list = append(list, r)
		}
	}
	return list
}

func hasSteps(runDir string) bool { return len(records(runDir)) > 0 }

// steps returns how many a second were made in a span of the run's time, which
// ends with the run at the latest.
func steps(runDir string, from, to time.Duration) float64 {
	n, last := 0, 0.0
	all := records(runDir)
	for _, r := range all {
		if r.Wall >= from.Seconds() && r.Wall < to.Seconds() {
			n++
		}
		last = r.Wall
	}
	if n > 0 && last < to.Seconds() && all[len(all)-1].Wall > from.Seconds() {
		to = time.Duration(last * float64(time.Second))
	}
	return float64(n) / max((to-from).Seconds(), 1e-3)
}

// accusation is what the coordinator says of a worker that it puts into quarantine.
var accusation = regexp.MustCompile(`(?m)^alarm: step \d+: worker (\S+) \(host .*\) is in quarantine`)

// read takes what the coordinator wrote.
func (g *figures) read(p *process) error {
	text, err := os.ReadFile(p.log)
	if err != nil {
		return err
	}
	g.Log, g.Escapes, g.Forged = len(text), bytes.Count(text, []byte{0x1b}), bytes.Count(text, []byte("\n"+forgedLine))
	for _, m := range accusation.FindAllSubmatch(text, -1) {
		if id := string(m[1]); strings.Contains(id, ".honest-") {
			g.Quarantined = append(g.Quarantined, id)
		} else {
			g.Accused = append(g.Accused, id)
		}
	}
	if g.End != "complete" {
		return nil
	}
	var r struct {
		Model     string `json:"model_sha256"`
		Optimizer string `json:"optimizer_sha256"`
		Journal   string `json:"journal_sha256"`
	}
	if err := json.Unmarshal([]byte(p.out.String()), &r); err != nil {
		return fmt.Errorf("result: %w", err)
	}
	g.Hashes = fmt.Sprintf("%.16s %.16s %.16s", r.Model, r.Optimizer, r.Journal)
	return nil
}

func lastLine(file string) string {
	text, _ := os.ReadFile(file)
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return fmt.Sprintf("%.300q", lines[len(lines)-1])
}

// judge says which promises the run broke.
func (g *figures) judge(calm figures, leastRate float64) {
	check := func(ok bool, format string, args ...any) {
		if !ok {
			g.Faults = append(g.Faults, fmt.Sprintf(format, args...))
		}
	}
	check(len(g.Quarantined) == 0, "honest workers are in quarantine")
	check(g.Ratio >= leastRate, "steps came at %.2f of the rate before", g.Ratio)
	check(g.End == "complete", "the run did not end well")
	check(g.End != "complete" || g.Hashes == calm.Hashes, "the end is not that of the undisturbed run")
	check(len(g.Touched) == 0, "foreign streams were touched")
	check(g.Peak <= calm.Peak+maxMemory, "the coordinator took %.0f MB, undisturbed %.0f", g.Peak, calm.Peak)
	check(g.Log <= maxLog, "the log has %d bytes", g.Log)
	check(g.Escapes == 0 && g.Forged == 0, "the log carries what the attacker wrote")
}
