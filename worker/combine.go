package worker

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/proto/bus"
	"github.com/tinygrow/tinygrow/proto/pause"
	"github.com/tinygrow/tinygrow/tensor/nn"
	"github.com/tinygrow/tinygrow/worker/quota"
	"github.com/zeebo/xxh3"
)

// Combined is Run for workers of one host that compute as one: the first computes with the
// threads of all, so that the host sends one sum and receives one copy of the weights, and the others
// stand by, with nothing on the wire. One that stands by takes over when the first
// goes or dies; when that stands still it goes on by itself. Dir is where they meet, a
// directory of this host that all may write, and server the address of the run's server.
//
// Those meet that might as well be one process: of one run, server, key and build, with the
// same data, and with one share of processors and memory (quota.Share).
func Combined(ctx context.Context, cfg Config, b bus.Bus, samples Samples, dir, server string) error {
	if err := cfg.Validate(); err != nil {
		return err
	}
	cfg = cfg.withDefaults()
	m, err := meet(filepath.Join(dir, "hosts", cfg.together(samples, server)), cfg)
	if err != nil {
		cfg.Log.Warn("this worker computes by itself: the workers of this host cannot meet", "dir", dir, "reason", err)
		return Run(ctx, cfg, b, samples)
	}
	defer m.leave()
	role, err := m.wait(ctx, cfg, b)
	switch {
	case errors.Is(err, errEnded) || ctx.Err() != nil:
		cfg.Done(Stats{Worker: cfg.ID, Threads: cfg.Threads})
		return nil
	case err != nil:
		return err
	case role == alone:
		cfg.Log.Warn("the worker that computes for this host stands still: this one goes on by itself")
		m.leave()
		return Run(ctx, cfg, b, samples)
	}
	cfg.hands, cfg.over = m.hands, role == heir
	stop := m.lead()
	err = Run(ctx, cfg, b, samples)
	stop(err == nil && ctx.Err() == nil)
	return err
}

// together names those that this worker may be one with.
func (c Config) together(samples Samples, server string) string {
	who := fmt.Sprintf("%q %q %q %q %q %q %d %q %q %s", c.Run, c.Key, server, c.Host, samples.Digest(), nn.Fingerprint(), proto.Version,
		c.Program, quota.Share(), c.StandIn)
	sum := xxh3.Hash128([]byte(who)).Bytes()
	return fmt.Sprintf("%x", sum[:8])
}

// role is what a worker does once it has waited.
type role int

const (
	first role = iota // compute for all
	heir              // likewise, after one who saw the end of the run
	alone             // go on by itself
)

// wait stands by until this worker is to compute, its run ends (errEnded), or ctx does.
func (m *meeting) wait(ctx context.Context, cfg Config, b bus.Bus) (role, error) {
	waiting, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	news, err := b.Subscribe(cfg.Run.NewsSubject(), func(msg *bus.Message) {
		var n proto.News
		if proto.Decode(msg.Data, &n) == nil && n.Run == cfg.Run && n.Ended {
			stop(errEnded)
		}
	})
	if err != nil {
		return first, err
	}
	defer news.Close()
	var seen time.Time
	since := time.Now()
	for told := false; ; told = true {
		got, ended, err := m.tryLead()
		switch {
		case err != nil:
			return first, fmt.Errorf("workers of this host meet in %s: %w", m.dir, err)
		case got && ended && told: // by the one that this worker stood behind
			return heir, nil
		case got:
			return first, nil
		}
		if at := m.beat(); !at.Equal(seen) {
			seen, since = at, time.Now()
		} else if time.Since(since) > m.patience {
			return alone, nil
		}
		if !told {
			cfg.Log.Info("standing by: another worker of this host computes with the threads of this one", "worker", cfg.ID,
				"threads", cfg.Threads)
		}
		cfg.Alive("standing by: another worker of this host computes with the threads of this one")
		if err := pause.For(waiting, m.every); err != nil {
			return first, context.Cause(waiting)
		}
	}
}

// hands is what a host computes with.
type hands struct {
	threads int
	shared  bool // by the coordinator, between this worker and others of the host
}

// withHands returns the configuration with the threads of all that stand by.
func (c Config) withHands() Config {
	if c.hands != nil {
		h := c.hands()
		c.Threads, c.shared = h.threads, h.shared
	}
	return c
}

// attend ends a session once it has other threads to compute with.
func (s *session) attend(ctx context.Context) error {
	c := s.client
	if c.cfg.hands == nil {
		<-ctx.Done()
		return context.Cause(ctx)
	}
	for {
		if err := pause.For(ctx, attention); err != nil {
			return context.Cause(ctx)
		}
		if h := c.cfg.hands(); h != (hands{c.cfg.Threads, c.cfg.shared}) {
			c.cfg.Log.Info("workers of this host came or went", "threads", h.threads)
			return errRejoin
		}
	}
}

// attention is how often a worker looks for others of its host.
const attention = time.Second
