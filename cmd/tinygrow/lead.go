package main

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"time"

	"github.com/tinygrow/tinygrow/coordinator"
	"github.com/tinygrow/tinygrow/coordinator/lead"
	"github.com/tinygrow/tinygrow/deploy/health"
	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/proto/bus"
	"github.com/tinygrow/tinygrow/worker/dataset"
)

// openLead opens the commit log of the run, or returns nil where there is none
// and none is needed.
func (s *settings) openLead(ctx context.Context, logs bus.Logs, standby bool, con *console) (*lead.Lead, error) {
	k := s.Cluster
	if k.Log == coordinator.LogOff && !standby {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	l, err := lead.Open(ctx, logs, lead.Options{Run: proto.RunID(s.Run), Silence: k.Lease, Replicas: k.Replicas})
	switch {
	case err == nil:
		return l, nil
	case errors.Is(err, bus.ErrNoLogs) && k.Log != coordinator.LogOn && !standby:
		con.line("no commit log and no standby: the NATS server runs without JetStream (nats-server -js)")
		return nil, nil
	}
	return nil, as(exitNetwork, fmt.Errorf("commit log of run %s: %w: start the server with JetStream (nats-server -js), or go without: leave out --standby and cluster.log=on", s.Run, err))
}

// start is how a coordinator begins.
type start struct {
	resume  bool // the run in the directory
	standby bool // wait until nobody leads the run, and take it up wherever it stands
}

// standingBy tells who leads the run, and that this process is alive.
func (s *settings) standingBy(con *console) func(holder string) {
	told, life := "", health.NewReporter("coordinator", s.Health)
	return func(holder string) {
		alive(life, "standing by for run "+s.Run)
		if holder != told {
			con.line("standing by: run %s is led by %s", s.Run, holder)
			told = holder
		}
	}
}

// opened is a data set that a standby opened while it had time.
type opened struct {
	config dataset.Config
	set    *dataset.Set
	data   coordinator.Data
}

// openAhead opens the data set that the run will probably need. What fails now
// is tried, and told, when it is needed.
func (s settings) openAhead() *opened {
	if holdsRun(s.RunDir) {
		if run, err := readRun(s.RunDir, s); err == nil {
			s = run
		}
	}
	set, data, err := s.openData()
	if err != nil {
		return nil
	}
	return &opened{s.Data, set, data}
}

// openUnless opens the data set unless it is open already.
func (s *settings) openUnless(ready *opened) (*dataset.Set, coordinator.Data, error) {
	if ready != nil && reflect.DeepEqual(ready.config, s.Data) {
		return ready.set, ready.data, nil
	}
	return s.openData()
}

// take waits until this process leads the run. It returns how the run goes on
// then; lead is nil without a commit log.
func (s *settings) take(ctx context.Context, logs bus.Logs, how start, con *console) (l *lead.Lead, resume bool, err error) {
	if l, err = s.openLead(ctx, logs, how.standby, con); err != nil || l == nil {
		return nil, how.resume, err
	}
	var waiting func(string)
	if how.standby {
		waiting = s.standingBy(con)
	}
	if err = l.Acquire(ctx, waiting); err != nil || !how.standby {
		return l, how.resume, err
	}
	if resume, err = coordinator.Prepare(ctx, l, s.RunDir); err != nil {
		return nil, false, errors.Join(err, l.Close())
	}
	if resume {
		if *s, err = readRun(s.RunDir, *s); err != nil {
			return nil, false, errors.Join(err, l.Close())
		}
	}
	return l, resume, nil
}
