package sweep

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tinygrow/tinygrow/coordinator"
	"github.com/tinygrow/tinygrow/coordinator/checkpoint"
	"github.com/tinygrow/tinygrow/coordinator/view"
	"github.com/tinygrow/tinygrow/deploy/run"
	"github.com/tinygrow/tinygrow/deploy/run/search"
	"github.com/tinygrow/tinygrow/proto/pause"
	"github.com/tinygrow/tinygrow/worker/dataset"
)

const (
	// maxTries is how often a process that is killed is started again.
	maxTries = 5
	// stopping is how long a process that is told to stop may take for its step and its checkpoint.
	stopping = 5 * time.Minute
	// looks is how often a trial is looked at that another process works on.
	looks = 200 * time.Millisecond
	// maxAnswer bounds what a process says, in bytes, maxWords what is told of its last words.
	maxAnswer = 64 << 20
	maxWords  = 600
	// refused begins what is said of a trial whose settings cannot be.
	refused = "refused: "
)

// make makes a job. The record has the processor seconds that it took, also where there is an error.
func (s *sweep) make(ctx context.Context, j search.Job, settings []string, before float64) (Record, error) {
	r := Record{Kind: kindResult, Job: j.Number, Trial: j.Trial, Rung: j.Rung, Part: s.by.Part(j.Rung), Settings: settings,
		Seeds: j.Seeds}
	asked, err := s.check(s.baseIn(s.dir), settings)
	if err != nil {
		r.Failed = refused + oneLine(err.Error())
		return r, nil
	}
	dir := trialDir(s.dir, j.Trial)
	for tries := 1; ; tries++ {
		if err := vacated(ctx, dir); err != nil {
			return r, err
		}
		began := holdsRun(dir)
		p, err := s.execute(ctx, &r, s.words(j, settings, dir, r.Part))
		var out coordinator.Result
		if err == nil && p.fate == Ended && json.Unmarshal(p.text, &out) != nil {
			err = fmt.Errorf("trial %d: %.200q is not the result of a run", j.Trial, p.text)
		}
		look := "see " + logOf(s.dir, j.Trial)
		switch {
		case err != nil:
			return r, err
		case p.fate == Ended && (out.Done || out.Paused):
			err := s.take(ctx, &r, out, &asked, dir, before)
			return r, err
		case p.fate == Diverged:
			r.Failed = "diverged"
			err := r.costs(dir)
			return r, err
		case p.fate == Taken && tries < maxTries:
			if pause.For(ctx, looks) != nil { // the other process is at the beginning of its work, and is waited for
				return r, ErrStopped
			}
			continue
		case p.fate == Refused && !began && holdsRun(dir):
			continue // a process of an earlier sweep was about to begin this trial, and has: it is waited for
		case p.fate == Refused: // settings that cannot be, perhaps found only with the data or behind the first part
			r.Failed = refused + strings.TrimPrefix(p.last, "tinygrow: ")
			err := r.costs(dir)
			return r, err
		case ctx.Err() != nil:
			return r, ErrStopped
		case p.fate != Gone && p.fate != Ended:
			return r, fmt.Errorf("trial %d: %s: %s; when that is mended, go on with tinygrow sweep resume %s", j.Trial, p.last, look, s.dir)
		case tries == maxTries:
			return r, fmt.Errorf("trial %d: its process was killed %d times: %s; go on with tinygrow sweep resume %s", j.Trial, tries, look,
				s.dir)
		}
		s.Line("trial %d: its process was killed; it goes on from its checkpoint", j.Trial)
	}
}

// vacated waits until no process works on the run in dir.
func vacated(ctx context.Context, dir string) error {
	for checkpoint.Active(dir) {
		if pause.For(ctx, looks) != nil {
			return ErrStopped
		}
	}
	return nil
}

// words are those of the command that makes a job.
func (s *sweep) words(j search.Job, settings []string, dir string, part float64) []string {
	var words []string
	if holdsRun(dir) {
		words = []string{"resume", dir}
	} else {
		words = []string{"train", "--run-dir", dir, "--run", s.runID(j.Trial)}
		if s.Recipe != "" {
			words = append(words, "--recipe", s.Recipe)
		}
		if base := s.baseIn(s.dir); base != "" {
			words = append(words, "--config", base)
		}
		for _, text := range slices.Concat(s.Settings, settings) {
			words = append(words, "--set", text)
		}
	}
	for _, text := range []string{"workers=1", "ui.listen=off", "report=false", "telemetry.tensorboard=false"} {
		words = append(words, "--set", text)
	}
	if part < 1 {
		words = append(words, "--set", "pause_at="+strconv.FormatFloat(part, 'g', -1, 64))
	}
	return slices.Concat(words, s.threads(), s.Place, []string{"--json"})
}

func (s *sweep) threads() []string {
	if s.Threads == 0 {
		return nil
	}
	return []string{"--threads", strconv.Itoa(s.Threads)}
}

// ended is what a process did.
type ended struct {
	fate Fate
	text []byte // that it printed
	last string // words, where it failed
}

// execute runs the program for the trial of a record, to which its processor time is added.
func (s *sweep) execute(ctx context.Context, r *Record, args []string) (did ended, err error) {
	if ctx.Err() != nil {
		return did, ErrStopped
	}
	log, err := os.OpenFile(logOf(s.dir, r.Trial), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		return did, err
	}
	defer log.Close()
	p := s.Command(args...)
	answer, said := &bounded{most: maxAnswer}, &tail{out: log}
	p.Stdout, p.Stderr = answer, said
	apart(p)
	if err := p.Start(); err != nil {
		return did, err
	}
	over := make(chan error, 1)
	go func() { over <- p.Wait() }()
	select {
	case err = <-over:
	case <-ctx.Done():
		if interrupt(p) != nil {
			_ = p.Process.Kill()
		}
		late := time.AfterFunc(stopping, func() { _ = p.Process.Kill() })
		err = <-over
		late.Stop()
	}
	if p.ProcessState == nil {
		return did, err
	}
	r.CPUS += (p.ProcessState.UserTime() + p.ProcessState.SystemTime()).Seconds()
	did = ended{Gone, answer.Bytes(), oneLine(said.last())}
	if code := p.ProcessState.ExitCode(); code >= 0 {
		did.fate = s.Fate(code)
	}
	if did.fate == Refused && said.crashed() {
		did.fate = Broken
	}
	return did, nil
}

// take puts into a record what a run led to. One that paused is evaluated as it stands.
func (s *sweep) take(ctx context.Context, r *Record, out coordinator.Result, asked *run.Settings, dir string, before float64) error {
	r.FLOPs, r.Steps, r.Params, r.Model, r.Metric = out.FLOPs, uint64(out.Steps), out.ParamsEnd, out.ModelSHA256, out.Metric
	if before > r.FLOPs {
		return fmt.Errorf("%s: %w: the run spent %.4g FLOPs, and had spent %.4g before", dir, ErrDamaged, r.FLOPs, before)
	}
	if v, err := view.Open(dir); err == nil { // the process of a sweep that was killed may have done a part
		if n := len(v.Evaluations()); n > 0 && r.Rung == 0 {
			r.CPUS = max(r.CPUS, v.Evaluations()[n-1].CPU)
		}
	}
	r.Split = dataset.Test
	if asked.Train.Validation > 0 {
		r.Split = dataset.Validation
	}
	if out.Done {
		r.Test = out.TestAccuracy
		switch {
		case out.Validation != nil:
			r.Accuracy = out.Validation.Accuracy
		case out.TestAccuracy != nil:
			r.Accuracy = *out.TestAccuracy
		default:
			return fmt.Errorf("%s was not evaluated: its data set has no test samples: set train.validation", dir)
		}
		return nil
	}
	p, err := s.execute(ctx, r, slices.Concat([]string{"eval", dir, "--split", r.Split, "--json"}, s.threads()))
	var e run.Evaluation
	switch {
	case err != nil:
		return err
	case ctx.Err() != nil && p.fate != Ended:
		return ErrStopped
	case p.fate != Ended:
		return fmt.Errorf("trial %d is not evaluated: %s", r.Trial, p.last)
	}
	if err := json.Unmarshal(p.text, &e); err != nil {
		return fmt.Errorf("trial %d: %.200q is not an evaluation", r.Trial, p.text)
	}
	if uint64(e.Step) != r.Steps {
		return fmt.Errorf("%s: %w: its checkpoint is of step %d, and the run paused after step %d", dir, ErrDamaged, e.Step, r.Steps)
	}
	r.Accuracy = e.TestAccuracy
	return nil
}

// costs notes what a trial took that failed. One that was refused at once has no run.
func (r *Record) costs(dir string) error {
	if !holdsRun(dir) {
		return nil
	}
	sum, err := view.Summarize(dir)
	r.FLOPs, r.Steps, r.Params = sum.FLOPs, sum.Step, sum.Params
	if err != nil {
		return fmt.Errorf("trial %d failed (%s), and its run cannot be read: %w", r.Trial, r.Failed, err)
	}
	return nil
}

// logOf is the file of what the processes of a trial said.
func logOf(dir string, trial int) string { return trialDir(dir, trial) + ".log" }

// oneLine returns the end of a text of several lines in one.
func oneLine(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	return text[max(len(text)-maxWords, 0):]
}

// bounded keeps what is written to it, up to a bound.
type bounded struct {
	bytes.Buffer
	most int
}

var errTalks = errors.New("the process says too much")

// Write keeps p.
func (b *bounded) Write(p []byte) (int, error) {
	if b.Len()+len(p) > b.most {
		return 0, errTalks
	}
	return b.Buffer.Write(p)
}

// tail writes on, and keeps the last line with words in it.
type tail struct {
	out  *os.File
	text []byte
}

// Write writes p on.
func (t *tail) Write(p []byte) (int, error) {
	t.text = append(t.text, p...)
	const keep = 4096
	t.text = t.text[max(len(t.text)-keep, 0):]
	return t.out.Write(p)
}

// crashed reports whether the program fell over, which has the exit code of settings that are refused.
func (t *tail) crashed() bool { return bytes.Contains(t.text, []byte("\ngoroutine ")) }

// last returns the last line.
func (t *tail) last() string {
	lines := strings.Split(strings.TrimSpace(string(t.text)), "\n")
	return lines[len(lines)-1]
}
