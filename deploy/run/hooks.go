package run

import (
	"github.com/tinygrow/tinygrow/coordinator"
	"github.com/tinygrow/tinygrow/coordinator/hook"
	"github.com/tinygrow/tinygrow/coordinator/trainer"
	"github.com/tinygrow/tinygrow/growth"
)

// hooks tell the hooks of a run what happens in it.
type hooks struct {
	runner *hook.Runner
	about  hook.About
}

// newHooks returns those of the settings. What they fail at is told to con.
func (s *Settings) newHooks(con Console) *hooks {
	return &hooks{runner: hook.New(s.Callbacks.Hooks, func(text string) { con.Line("%s", text) })}
}

// events returns e with callbacks that tell the hooks as well.
func (h *hooks) events(e coordinator.Events) coordinator.Events {
	if h.runner == nil {
		return e
	}
	e = e.WithDefaults()
	before := e
	e.Started = func(s coordinator.Started) {
		before.Started(s)
		h.about = hook.About{Run: string(s.Run), Dir: s.Dir, Step: uint64(s.Step)}
		h.runner.Send(hook.Start, h.about, struct {
			Resumed bool   `json:"resumed"`
			Steps   uint64 `json:"steps"`
			Params  int    `json:"params"`
		}{s.Resumed, s.Steps, s.Params})
	}
	e.Evaluated = func(r trainer.EvalRecord) {
		before.Evaluated(r)
		h.about.Step = uint64(r.Step)
		h.runner.Send(hook.Evaluation, h.about, r)
	}
	e.Grew = func(r growth.Record, g trainer.GrownRecord) {
		before.Grew(r, g)
		h.about.Step = uint64(g.Step)
		h.runner.Send(hook.Growth, h.about, g)
	}
	return e
}

// end tells how this process left the run, and waits for the hooks.
func (h *hooks) end(r coordinator.Result, err error) {
	if h.runner == nil {
		return
	}
	fault := ""
	if err != nil {
		fault = err.Error()
	} else {
		h.about.Step = uint64(r.Steps)
	}
	h.runner.Send(hook.End, h.about, struct {
		Done         bool     `json:"done"`
		Stopped      string   `json:"stopped,omitempty"`
		Fault        string   `json:"fault,omitempty"`
		Params       int      `json:"params"`
		TestAccuracy *float64 `json:"test_accuracy"`
		WallS        float64  `json:"wall_s"`
	}{r.Done, r.Stopped, fault, r.ParamsEnd, r.TestAccuracy, r.WallS})
	h.runner.Close()
}
