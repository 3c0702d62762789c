package run

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/tinygrow/tinygrow/coordinator"
	"github.com/tinygrow/tinygrow/coordinator/checkpoint"
	"github.com/tinygrow/tinygrow/deploy/health"
	"github.com/tinygrow/tinygrow/deploy/run/config"
	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/proto/bus"
	"github.com/tinygrow/tinygrow/proto/pause"
	"github.com/tinygrow/tinygrow/worker/dataset"
)

// openData reads the data set and tells the coordinator what it has to know of it.
func (s *Settings) openData() (*dataset.Set, coordinator.Data, error) {
	set, err := dataset.Open(s.Data)
	if err != nil {
		return nil, coordinator.Data{}, as(ErrData, err)
	}
	d := coordinator.Data{Digest: set.Digest(), Train: set.Len(dataset.Train), Test: set.Len(dataset.Test),
		Shape: set.Shape(), Classes: set.Classes(), Card: set.Card(), Pack: set.Pack, Packed: set.Packed,
		Set: proto.DataSet{Name: set.Name(), Digest: set.Digest(), Bytes: set.Bytes()}}
	if dataset.Drawn(s.Data.Name) {
		d.Set.Seed, d.Set.Limit = s.Data.Seed, s.Data.Limit
	}
	d.Card.StandIn = s.Worker.StandIn > 0
	return set, d, nil
}

// job describes the run to the coordinator.
func (s *Settings) job(d coordinator.Data, resume bool, events coordinator.Events) (coordinator.Job, error) {
	kept := *s
	var from *coordinator.Start
	if s.start != nil && !resume {
		from = &s.start.Start
	}
	kept.NATS.URL = bus.Bare(s.NATS.URL) // who resumes the run gives passwords again
	resolved, err := config.Encode(&kept)
	return coordinator.Job{Run: proto.RunID(s.Run), Dir: s.RunDir, Config: s.Config, Resolved: append(resolved, endOfConfig...),
		Settings: s.asked(), Data: d, Resume: resume, Start: from, End: s.end, Events: events, PauseAt: s.PauseAt,
		Invite: s.invite()}, err
}

// Start is how a coordinator begins.
type Start struct {
	Resume  bool  // the run in the directory
	Standby bool  // wait until nobody leads the run, and take it up wherever it stands
	Workers int   // workers in this process, which compute for its coordinator
	Given   Given // a standby compares it with the run that it finds
	// Terminal says that a person looks on: the run has pages unless settings say otherwise.
	Terminal bool
}

// Console is told how a run goes.
type Console interface {
	// Line is told something in a line of its own.
	Line(format string, args ...any)
	// Events are told what happens, step by step.
	Events() coordinator.Events
}

// silent is the Console of who wants to hear nothing.
type silent struct{}

func (silent) Line(string, ...any)        {}
func (silent) Events() coordinator.Events { return coordinator.Events{} }

// Train runs a coordinator, and workers in this process, until the run ends or
// ctx does; then it finishes the step, writes a checkpoint and returns with Done
// false. A nil con hears nothing. A standby goes on standing by for as long as
// others lead the run; where that ends elsewhere, it returns the result of the
// whole run if its end is in the directory, and else coordinator.ErrComplete.
func Train(ctx context.Context, s Settings, how Start, con Console) (r coordinator.Result, err error) {
	if con == nil {
		con = silent{}
	}
	if err := errors.Join(s.enough(how.Workers), s.standsIn()); err != nil {
		return coordinator.Result{}, err
	}
	pages, err := s.showPages(how, con)
	if err != nil {
		return coordinator.Result{}, err
	}
	defer pages.close(con)
	con = shown{con, pages}
	told, err := s.tell(con)
	if err != nil {
		return coordinator.Result{}, err
	}
	defer func() { told.close(ending(&r, err)) }()
	con = told
	if !how.Resume {
		for _, text := range how.Given.Idle(s) {
			con.Line("%s", text)
		}
	}
	r, err = runJob(ctx, s, how, con)
	for how.Standby && again(err) {
		con.Line("%v", err)
		_ = pause.For(ctx, time.Second) // an ended ctx ends the job too
		r, err = runJob(ctx, s, how, con)
	}
	if how.Standby && errors.Is(err, coordinator.ErrComplete) {
		con.Line("%v", err)
		if ended, found, failed := s.ended(how); failed != nil || found {
			return ended, failed
		}
	}
	return r, err
}

// runJob runs a coordinator and workers in this process. These meet in its
// memory; others may join over the NATS server of the settings. Without one no
// log is kept: nobody else could take over from this process.
func runJob(ctx context.Context, s Settings, how Start, con Console) (coordinator.Result, error) {
	if s.NATS.URL == "" {
		s.Cluster.Log = coordinator.LogOff
	}
	hub := bus.NewHub(0)
	b, leave, err := s.meet(hub)
	if err != nil {
		return coordinator.Result{}, err
	}
	defer leave()
	led, err := s.take(ctx, b, how, con)
	if err != nil {
		return coordinator.Result{}, err
	}
	r, err := runLed(ctx, s, b, hub, led, how.Workers, con)
	if led.lead != nil {
		err = errors.Join(err, led.lead.Close())
	}
	return r, err
}

// runLed runs the coordinator that leads, and workers that meet it in hub.
func runLed(ctx context.Context, s Settings, b bus.Bus, hub *bus.Hub, led led, workers int, con Console) (r coordinator.Result, err error) {
	set, data, err := s.openUnless(led.ready)
	if err != nil {
		return coordinator.Result{}, err
	}
	if notes := set.Notes(); notes != "" {
		con.Line("data set %s: %s; tinygrow data verify tells more", set.Name(), notes)
	}
	if !led.resume {
		s.start.tell(con, data, s.Train.Seed)
	}
	told := s.newHooks(con)
	defer func() { told.end(r, err) }()
	j, err := s.job(data, led.resume, showLife(told.events(con.Events()), health.NewReporter("coordinator", s.Health)))
	if err != nil {
		return coordinator.Result{}, err
	}
	j.Lead, j.Claim, j.Alone = led.lead, s.claims(), workers > 0
	join := func(int) (bus.Bus, error) { return hub.Share(), nil }
	crew, err := s.newCrew(workers, set, slog.New(quiet{slog.Default().Handler()}), join)
	if err != nil {
		return coordinator.Result{}, err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	end := crew.start(cancel)
	r, err = coordinator.Run(ctx, j, b)
	if err == nil && r.Done {
		s.reportEnd(ctx, set, con)
	}
	if failed := end(); failed != nil {
		err = errors.Join(err, failed)
	}
	return r, err
}

// holdsRun reports whether dir holds a run, be it one that cannot be read.
func holdsRun(dir string) bool {
	_, err := checkpoint.ReadConfig(dir)
	return !errors.Is(err, checkpoint.ErrNoRun)
}

// invite says how more workers may join, or nothing where none can.
func (s *Settings) invite() string {
	if s.NATS.URL == "" {
		return ""
	}
	return fmt.Sprintf("; start more with tinygrow worker --nats %s", bus.Redact(s.NATS.URL))
}

// enough refuses a run that would wait for ever: more workers are wanted than
// the n of this process, and no others can join.
func (s *Settings) enough(n int) error {
	least := s.Cluster.MinWorkers
	if s.NATS.URL != "" || s.NATS.Listen != "" || least <= n {
		return nil
	}
	return usagef("cluster.min_workers %d: this process has %d, and no others can join: give --workers %d, or --listen or --nats",
		least, n, least)
}
