package main

import (
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/tinygrow/tinygrow/cmd/tinygrow/terminal"
	"github.com/tinygrow/tinygrow/coordinator"
	"github.com/tinygrow/tinygrow/coordinator/trainer"
	"github.com/tinygrow/tinygrow/growth"
	"github.com/tinygrow/tinygrow/proto"
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
	now    func() time.Time

	alone bool // no workers but this process's: waiting for them at the start is no news
	told  time.Time
	marks [2]mark // two times while verifying, the later one at most markInterval ago
}

// mark is a time at which a step was made again. The pace since the older of
// two tells the time to go: networks that grow get slower.
type mark struct {
	at   time.Time
	step proto.Step
}

func newConsole(out io.Writer) *console { return &console{screen: terminal.New(out), now: time.Now} }

// Line prints a line of its own.
func (c *console) Line(format string, args ...any) {
	text := strings.ReplaceAll(fmt.Sprintf(format, args...), "\n", "; ") // several errors at once have a line each
	c.screen.Line(proto.Printable(text))
}

// Events tells the console what happens in a run.
func (c *console) Events() coordinator.Events {
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
		Step:      c.step,
		Evaluated: c.evaluated,
		Grew:      c.grew,
		Followed:  c.followed,
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
		Trouble: func(text string) { c.Line("trouble: %s", text) },
		Alarm:   func(text string) { c.Line("alarm: %s", text) },
		Saved:   func(dir string, step proto.Step) { slog.Debug("checkpoint", "dir", dir, "step", step) },
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

// stepParts is what there is to tell of an update.
func stepParts(r trainer.StepRecord, p coordinator.Pace) []terminal.Part {
	parts := []terminal.Part{
		{Rank: 0, Text: fmt.Sprintf("step %d/%d", r.Step, p.Steps)},
		{Rank: 5, Text: bar(float64(r.Step) / float64(max(p.Steps, 1))), Bare: true},
		{Rank: 2, Text: fmt.Sprintf("loss %.3f", r.Loss)},
		{Rank: 3, Text: fmt.Sprintf("accuracy %.0f %%", 100*r.Accuracy)},
		{Rank: 4, Text: thousands(r.Params) + " parameters"},
		{Rank: 6, Text: thousands(int(p.SamplesSec)) + " samples/s"},
	}
	if p.Left > 0 {
		parts = append(parts, terminal.Part{Rank: 1, Text: "ETA " + roughly(p.Left)})
	}
	return parts
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
	c.Line("epoch %.4g, step %d: %s loss %.4f, %s accuracy %.2f %%", r.Epoch, r.Step, r.Split, r.Loss, r.Split, 100*r.Accuracy)
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
