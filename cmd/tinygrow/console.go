package main

import (
	"cmp"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/tinygrow/tinygrow/cmd/tinygrow/terminal"
	"github.com/tinygrow/tinygrow/coordinator"
	"github.com/tinygrow/tinygrow/coordinator/trainer"
	"github.com/tinygrow/tinygrow/growth"
	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/tensor/nn"
)

// lineInterval is how often a pipe is told about progress, redrawInterval a terminal.
const (
	lineInterval   = 5 * time.Second
	redrawInterval = 100 * time.Millisecond
	markInterval   = 5 * time.Second
)

// console tells a run's progress to a person: on a terminal one line that
// changes, elsewhere one line per interval; growth events and evaluations as
// lines of their own.
type console struct {
	mu     sync.Mutex
	screen *terminal.Screen
	log    *records // gets what happens with its numbers; nil: it is told in words
	now    func() time.Time

	alone    bool // no workers but this process's: waiting for them at the start is no news
	told     time.Time
	began    mark       // the time when pictures began to be decoded
	learning mark       // the first iteration of learning first weights that was told of
	arrivals [2]arrival // bytes of a file that is got, the later ones at most markInterval ago
	marks    [2]mark    // two times while verifying, the later one at most markInterval ago
}

// mark is a time at which a step was made again. The pace since the older of
// two tells the time to go: networks that grow get slower.
type mark struct {
	at   time.Time
	step proto.Step
}

func newConsole(out io.Writer) *console {
	log, _ := out.(*records)
	return &console{screen: terminal.New(out), log: log, now: time.Now}
}

// Line prints a line of its own.
func (c *console) Line(format string, args ...any) {
	text := strings.ReplaceAll(fmt.Sprintf(format, args...), "\n", "; ") // several errors at once have a line each
	c.screen.Line(proto.Printable(text))
}

// Events tells the console what happens in a run.
func (c *console) Events() coordinator.Events {
	if c.log != nil {
		return c.recorded()
	}
	return coordinator.Events{
		Started: func(s coordinator.Started) {
			c.told = c.now()
			verb := "started"
			if s.Resumed {
				verb = fmt.Sprintf("resumed at step %d", s.Step)
			}
			c.Line("run %s %s: %d steps (%.4g epochs), %s parameters, in %s", s.Run, verb, s.Steps, s.Epochs, thousands(s.Params), s.Dir)
			if s.Outlook != "" && s.Step == 0 {
				c.Line("%s", s.Outlook)
			}
			if e := s.Extended; e != nil {
				c.Line("the run got a later end behind step %d: from there on the learning rate and growth follow the schedules of a "+
					"run of %d steps", e.Step, s.Steps)
			}
		},
		Learned:   c.learned,
		Step:      c.step,
		Evaluated: c.evaluated,
		Grew:      c.grew,
		Followed:  c.followed,
		Restored: func(r trainer.RestoredRecord) {
			c.Line("the run ends with its best network, that of step %d with %s %.6g and %s parameters, which is evaluated again",
				r.BestStep, r.Monitor, r.Best, thousands(r.Params))
		},
		Joined: func(m coordinator.Member) {
			slog.Debug("worker joined", "worker", m.Worker, "host", m.Host, "threads", m.Threads, "program", m.Program)
		},
		Refused: func(m coordinator.Member, why string) {
			c.Line("worker %s on %s was refused: %s", m.Worker, m.Host, why)
		},
		Left: func(w proto.WorkerID, why string) { c.Line("worker %s left: %s", w, why) },
		Waiting: func(why string) {
			if !c.alone {
				c.Line("waiting: %s", why)
			}
		},
		Resumed: func(why string) {
			if !c.alone {
				c.Line("going on: %s", why)
			}
		},
		Trouble:  func(text string) { c.Line("trouble: %s", text) },
		Alarm:    func(text string) { c.Line("alarm: %s", text) },
		Reducers: func(text string) { c.Line("%s", text) },
		Saved:    func(dir string, step proto.Step) { slog.Debug("checkpoint", "dir", dir, "step", step) },
	}
}

// step tells about an update, if it is time to.
func (c *console) step(r trainer.StepRecord, p coordinator.Pace) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.alone = false
	if c.due() {
		c.screen.Progress(stepParts(r, p)...)
	}
}

// learned tells how far the learning of first weights is, and what came of it.
func (c *console) learned(r trainer.InitRecord) {
	if r.Done {
		scale := func(a, b trainer.TensorScale) int { return cmp.Compare(a.Scale, b.Scale) }
		least, most := slices.MinFunc(r.Scales, scale), slices.MaxFunc(r.Scales, scale)
		c.Line("first weights: %d iterations of %s scaled them by %.3g (%s) to %.3g (%s)", r.Iteration, r.Learn, least.Scale, least.Tensor,
			most.Scale, most.Tensor)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.alone = false
	now := mark{c.now(), proto.Step(r.Iteration)}
	if c.learning.at.IsZero() {
		c.learning, c.told = now, now.at
	}
	if !c.due() {
		return
	}
	parts := []terminal.Part{
		{Rank: 0, Text: fmt.Sprintf("first weights: iteration %d/%d", r.Iteration, r.Iterations)},
		{Rank: 3, Text: bar(float64(r.Iteration) / float64(r.Iterations)), Bare: true},
		{Rank: 2, Text: fmt.Sprintf("loss %.3f, gradient norm %.3g", r.Loss, r.GradNorm)},
	}
	if made := now.step - c.learning.step; made > 0 {
		each := now.at.Sub(c.learning.at) / time.Duration(made)
		parts = append(parts, terminal.Part{Rank: 1, Text: "ETA " + roughly(each*time.Duration(r.Iterations-r.Iteration))})
	}
	c.screen.Progress(parts...)
}

// reading tells how many pictures of a data set are decoded, of so many.
func (c *console) reading(done, total int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := mark{c.now(), proto.Step(done)}
	if c.began.at.IsZero() {
		c.began, c.told = now, now.at
	}
	if !c.due() {
		return
	}
	parts := []terminal.Part{{Rank: 0, Text: fmt.Sprintf("%s of %s pictures decoded", thousands(done), thousands(total))},
		{Rank: 2, Text: bar(float64(done) / float64(max(total, 1))), Bare: true}}
	if made := done - int(c.began.step); made > 0 {
		each := now.at.Sub(c.began.at) / time.Duration(made)
		parts = append(parts, terminal.Part{Rank: 1, Text: "ETA " + roughly(each*time.Duration(total-done))})
	}
	c.screen.Progress(parts...)
}

// stepParts is what there is to tell of an update.
func stepParts(r trainer.StepRecord, p coordinator.Pace) []terminal.Part {
	parts := []terminal.Part{
		{Rank: 0, Text: fmt.Sprintf("step %d/%d", r.Step, p.Steps)},
		{Rank: 5, Text: bar(float64(r.Step) / float64(max(p.Steps, 1))), Bare: true},
		{Rank: 2, Text: fmt.Sprintf("loss %.3f", r.Loss)},
		{Rank: 3, Text: roughScore(r)},
		{Rank: 4, Text: thousands(r.Params) + " parameters"},
		{Rank: 6, Text: thousands(int(p.SamplesSec)) + " samples/s"},
	}
	if p.Left > 0 {
		parts = append(parts, terminal.Part{Rank: 1, Text: "ETA " + roughly(p.Left)})
	}
	return parts
}

// roughScore tells the accuracy of a batch, or what it has in its place.
func roughScore(r trainer.StepRecord) string {
	switch r.Metric {
	case "":
		return fmt.Sprintf("accuracy %.0f %%", 100*r.Accuracy)
	case nn.Regression.Metric():
		return fmt.Sprintf("%s %.2f", r.Metric, r.Accuracy)
	}
	return fmt.Sprintf("%s %.0f %%", r.Metric, 100*r.Accuracy)
}

// due reports whether it is time to tell of progress. The lock is held.
func (c *console) due() bool {
	interval, now := lineInterval, c.now()
	if c.screen.Redraws() {
		interval = redrawInterval
	}
	if now.Sub(c.told) < interval {
		return false
	}
	c.told = now
	return true
}

// verified tells of a step that was made again, of first to last ones.
func (c *console) verified(first, at, last proto.Step) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := mark{c.now(), at}
	switch {
	case c.marks[0].at.IsZero():
		c.marks, c.told = [2]mark{now, now}, now.at
	case now.at.Sub(c.marks[1].at) >= markInterval:
		c.marks = [2]mark{c.marks[1], now}
	}
	if !c.due() {
		return
	}
	parts := []terminal.Part{
		{Rank: 0, Text: fmt.Sprintf("step %d", at)},
		{Rank: 2, Text: fmt.Sprintf("of %d to %d made again", first, last), Bare: true},
		{Rank: 3, Text: bar(float64(at-first) / float64(max(last-first, 1))), Bare: true},
	}
	if made := at - c.marks[0].step; made > 0 {
		each := now.at.Sub(c.marks[0].at) / time.Duration(made)
		parts = append(parts, terminal.Part{Rank: 1, Text: "ETA " + roughly(each*time.Duration(last-at))})
	}
	c.screen.Progress(parts...)
}

// evaluated tells about an evaluation.
func (c *console) evaluated(r trainer.EvalRecord) {
	c.Line("epoch %.4g, step %d: %s loss %.4f, %s %s", r.Epoch, r.Step, r.Split, r.Loss, r.Split, nn.TellScore(r.Metric, r.Accuracy))
}

// grew tells about a growth event, one sentence for each site.
func (c *console) grew(r growth.Record, _ trainer.GrownRecord) {
	for _, s := range sentences(&r) {
		c.Line("step %d: %s", r.Step, s)
	}
}

// followed warns of new neurons that are dead.
func (c *console) followed(r growth.HealthRecord) {
	if r.Dead > 0 {
		c.Line("step %d: %s", r.Step, r.Text)
	}
}

// sentences tells a growth event to a reader.
func sentences(r *growth.Record) []string {
	var list []string
	for _, g := range r.Grown {
		list = append(list, g.Sentence)
	}
	if r.Deepened != nil {
		list = append(list, r.Deepened.Sentence)
	}
	if list == nil {
		return []string{"nothing grew: " + r.Why}
	}
	return list
}

// end leaves the terminal on a fresh line.
func (c *console) end() { c.screen.End() }

func bar(share float64) string {
	const width = 20
	full := min(int(share*width), width)
	return "[" + strings.Repeat("=", full) + strings.Repeat(" ", width-full) + "]"
}

// roughly writes a time to go: of hours no seconds.
func roughly(d time.Duration) string {
	if d >= time.Hour {
		return strings.TrimSuffix(d.Round(time.Minute).String(), "0s")
	}
	return d.Round(time.Second).String()
}
