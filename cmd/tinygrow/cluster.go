package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/tinygrow/tinygrow/coordinator"
	"github.com/tinygrow/tinygrow/coordinator/checkpoint"
	"github.com/tinygrow/tinygrow/deploy/health"
	"github.com/tinygrow/tinygrow/deploy/run/config"
	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/proto/bus"
	"github.com/tinygrow/tinygrow/proto/pause"
	"github.com/tinygrow/tinygrow/worker"
	"github.com/tinygrow/tinygrow/worker/dataset"
)

// dial connects one participant to the NATS server.
func (n natsSettings) dial(role proto.Role, name string) (bus.System, error) {
	o := bus.Options{URL: n.URL, Name: "tinygrow " + name, SeedFile: n.Creds, CAFile: n.CA, Bulk: proto.Bulk, MinPayload: proto.MinPayload, Log: slog.Default()}
	key, err := o.Key()
	if err != nil {
		return nil, err
	}
	o.InboxPrefix = role.Inbox(key)
	return bus.Open(o)
}

// key is what the server calls the holder of these settings.
func (n natsSettings) key() (proto.Key, error) {
	return bus.Options{URL: n.URL, SeedFile: n.Creds}.Key()
}

// openData reads the data set and tells the coordinator what it has to know of it.
func (s *settings) openData() (*dataset.Set, coordinator.Data, error) {
	set, err := dataset.Open(s.Data)
	if err != nil {
		return nil, coordinator.Data{}, as(exitData, err)
	}
	d := coordinator.Data{Digest: set.Digest(), Train: set.Len(dataset.Train), Test: set.Len(dataset.Test),
		Shape: set.Shape(), Classes: set.Classes(), Card: set.Card(), Set: proto.DataSet{Name: set.Name(), Digest: set.Digest(), Bytes: set.Bytes()}, Pack: set.Pack}
	if dataset.Drawn(s.Data.Name) {
		d.Set.Seed, d.Set.Limit = s.Data.Seed, s.Data.Limit
	}
	return set, d, nil
}

// job describes the run to the coordinator.
func (s *settings) job(d coordinator.Data, resume bool, events coordinator.Events) (coordinator.Job, error) {
	kept := *s
	kept.NATS.URL = bus.Bare(s.NATS.URL) // who resumes the run gives passwords again
	resolved, err := config.Encode(&kept)
	return coordinator.Job{Run: proto.RunID(s.Run), Dir: s.RunDir, Config: s.Config, Resolved: append(resolved, endOfConfig...), Settings: s.asked(), Data: d, Resume: resume, End: s.end, Events: events, Invite: s.invite()}, err
}

// hands is how many workers of this process compute for its coordinator.
type hands int

// runJob runs a coordinator and n workers in this process. These meet in its
// memory; others may join over the NATS server of the settings. Without one no
// log is kept: nobody else could take over from this process.
func runJob(ctx context.Context, s settings, how start, n hands, con *console) (coordinator.Result, error) {
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
	r, err := runLed(ctx, s, b, hub, led, n, con)
	if led.lead != nil {
		err = errors.Join(err, led.lead.Close())
	}
	return r, err
}

// runLed runs the coordinator that leads, and n workers that meet it in hub.
func runLed(ctx context.Context, s settings, b bus.Bus, hub *bus.Hub, led led, n hands, con *console) (coordinator.Result, error) {
	set, data, err := s.openUnless(led.ready)
	if err != nil {
		return coordinator.Result{}, err
	}
	if notes := set.Notes(); notes != "" {
		con.line("data set %s: %s; tinygrow data verify tells more", set.Name(), notes)
	}
	j, err := s.job(data, led.resume, showLife(con.events(), health.NewReporter("coordinator", s.Health)))
	if err != nil {
		return coordinator.Result{}, err
	}
	j.Lead, j.Claim = led.lead, s.claims()
	join := func(int) (bus.Bus, error) { return hub.Share(), nil }
	crew, err := s.newCrew(int(n), set, slog.New(quiet{slog.Default().Handler()}), join)
	if err != nil {
		return coordinator.Result{}, err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	end := crew.start(cancel)
	r, err := coordinator.Run(ctx, j, b)
	if failed := end(); failed != nil {
		err = errors.Join(err, failed)
	}
	return r, err
}

// crew is the workers of this process.
type crew struct {
	set     *dataset.Set
	configs []worker.Config
	buses   []bus.Bus
}

// newCrew connects n workers, each by itself.
func (s *settings) newCrew(n int, set *dataset.Set, log *slog.Logger, join func(i int) (bus.Bus, error)) (*crew, error) {
	c := &crew{set: set}
	for i := range n {
		w := s.Worker
		w.Run, w.Program, w.Log = proto.RunID(s.Run), "tinygrow "+buildVersion(), log
		if n > 1 && w.ID != "" {
			w.ID += proto.WorkerID(fmt.Sprintf("-%d", i+1))
		}
		b, err := join(i)
		if err != nil {
			c.close()
			return nil, err
		}
		c.configs, c.buses = append(c.configs, w), append(c.buses, b)
	}
	return c, nil
}

func (c *crew) close() {
	for _, b := range c.buses {
		b.Close()
	}
}

// quiet lets only warnings pass, or everything where details are asked for.
// What workers of this process say of joining is no news.
type quiet struct{ slog.Handler }

func (q quiet) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelWarn || q.Handler.Enabled(ctx, slog.LevelDebug)
}

// start sets the workers to work. An error of one is told to failed. end
// stops them and returns their errors.
func (c *crew) start(failed context.CancelCauseFunc) (end func() error) {
	ctx, stop := context.WithCancel(context.Background())
	errs := make([]error, len(c.buses))
	var group sync.WaitGroup
	for i, b := range c.buses {
		group.Go(func() {
			if errs[i] = worker.Run(ctx, c.configs[i], b, c.set); errs[i] != nil {
				failed(errs[i])
			}
		})
	}
	return func() error {
		stop()
		group.Wait()
		c.close()
		return errors.Join(errs...)
	}
}

// outcome is what --json prints at the end of a run.
type outcome struct {
	coordinator.Result
	Policy string `json:"policy"`
	Seed   uint64 `json:"seed"`
	Model  string `json:"model"`
	Data   string `json:"data"`
}

// runAndReport runs a job until its end or a signal, and prints how it went.
func runAndReport(c *cobra.Command, s settings, how start, n hands, asJSON bool) error {
	if err := s.enough(n); err != nil {
		return err
	}
	con := newConsole(c.ErrOrStderr())
	con.alone = n > 0
	ctx, stop := untilSignal(c.Context(), func(os.Signal) {
		con.line("interrupted: finishing the step and writing a checkpoint; a second interrupt ends at once")
	})
	defer stop()
	r, err := runJob(ctx, s, how, n, con)
	for how.standby && again(err) {
		con.line("%v", err)
		_ = pause.For(ctx, time.Second) // an ended ctx ends the job too
		r, err = runJob(ctx, s, how, n, con)
	}
	con.end()
	if how.standby && errors.Is(err, coordinator.ErrComplete) {
		con.line("%v", err)
		var found bool
		if r, found, err = s.ended(how); err == nil && !found {
			return nil
		}
	}
	if err != nil {
		return err
	}
	if asJSON {
		out := outcome{r, s.Growth.Policy, s.Train.Seed, s.Model.Name, s.Data.Name}
		if err := json.NewEncoder(c.OutOrStdout()).Encode(out); err != nil {
			return err
		}
	}
	report(c.ErrOrStderr(), &r)
	if r.Done {
		return nil
	}
	fmt.Fprintf(c.ErrOrStderr(), "stopped after step %d; %s\n", r.Steps, s.continuation(how, n, r.RunDir))
	return silentError{exitInterrupted}
}

// holdsRun reports whether dir holds a run, be it one that cannot be read.
func holdsRun(dir string) bool {
	_, err := checkpoint.ReadConfig(dir)
	return !errors.Is(err, checkpoint.ErrNoRun)
}
