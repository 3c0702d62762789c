package box

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/tinygrow/tinygrow/deploy/bench/scale"
	"github.com/tinygrow/tinygrow/proto/pause"
	"github.com/tinygrow/tinygrow/worker"
)

// Run makes the cluster, trains once on it, takes it away and returns what was measured.
func Run(ctx context.Context, c Config) (r Report, err error) {
	if err := errors.Join(c.Validate(), c.Links.Check()); err != nil {
		return r, err
	}
	places, _ := c.places()
	net, err := c.Links.build(ctx, places)
	defer func() { err = errors.Join(err, net.close()) }()
	if err != nil {
		return r, err
	}
	dir, err := os.MkdirTemp("", "tinygrow-box-")
	if err != nil {
		return r, err
	}
	defer os.RemoveAll(dir)
	return c.measure(ctx, dir)
}

// measure trains once, in a directory of its own.
func (c Config) measure(ctx context.Context, dir string) (Report, error) {
	file := filepath.Join(dir, "config.yaml")
	if err := os.WriteFile(file, c.Document, 0o600); err != nil {
		return Report{}, err
	}
	urls, stop, err := c.serve(ctx, dir)
	if err != nil {
		return Report{}, errors.Join(err, stop(nil))
	}
	places, first := c.places()
	n := c.Links.Hosts * c.Workers
	m := &scale.Measured{Workers: n, Stats: make([]worker.Stats, n)}
	counting, stopCounting := context.WithCancel(ctx)
	samples := make(chan []sample, 1)
	go func() { samples <- watch(counting, places) }()
	group, inGroup := errgroup.WithContext(ctx)
	id := fmt.Sprintf("box-%d-%d", os.Getpid(), n)
	var ended time.Time
	group.Go(func() error {
		p := scale.Process{Binary: c.Binary, NATS: urls[0], Inside: inside(0)}
		err := p.Ask(inGroup, &m.Result, "coordinator", "--config", file, "--run", id, "--run-dir", filepath.Join(dir, "run"),
			"--set", "cluster.min_workers="+strconv.Itoa(n), "--json")
		ended = time.Now()
		return err
	})
	for i := range c.Reducers {
		at := first + i*c.Links.Hosts/c.Reducers
		group.Go(func() error {
			var done struct{} // what it says of itself is not part of a report
			p := scale.Process{Binary: c.Binary, NATS: urls[at], Inside: inside(at)}
			return p.Ask(inGroup, &done, "reducer", "--run", id, "--json")
		})
	}
	if c.Reducers > 0 { // ranges are dealt out to those that are there when the run begins
		_ = pause.For(inGroup, time.Duration(c.Reducers)*settle)
	}
	for i := range n {
		at := first + i/c.Workers
		group.Go(func() error {
			p := scale.Process{Binary: c.Binary, NATS: urls[at], Inside: inside(at)}
			return p.Ask(inGroup, &m.Stats[i], "worker", "--config", file, "--run", id, "--threads", strconv.Itoa(c.Threads),
				"--set", "worker.host="+fmt.Sprintf("box-%d", at), "--json")
		})
	}
	err = group.Wait()
	stopCounting()
	seen := <-samples
	if err = errors.Join(err, stop(&m.ServerCPU)); err != nil {
		return Report{}, err
	}
	if m.Metrics, err = os.ReadFile(filepath.Join(dir, "run", "metrics.jsonl")); err != nil {
		return Report{}, err
	}
	return c.report(m, seen, ended)
}

// settle is the time of a reducer to start and join, with those of a busy machine.
const settle = time.Second

// serve starts the servers; it returns the address for the processes of each host, and what
// stops them all and adds their processor time.
func (c Config) serve(ctx context.Context, dir string) (urls []string, stop func(cpu *float64) error, err error) {
	places, _ := c.places()
	var stops []func() (float64, error)
	stop = func(cpu *float64) error {
		var mu sync.Mutex
		var group errgroup.Group
		for _, one := range stops {
			group.Go(func() error {
				s, err := one()
				mu.Lock()
				defer mu.Unlock()
				if cpu != nil {
					*cpu += s
				}
				return err
			})
		}
		return group.Wait()
	}
	for i := range places {
		if i > 0 && c.Servers == OneServer {
			urls = append(urls, "nats://"+address(0)+":4222")
			continue
		}
		args := []string{"--host", "0.0.0.0", "--port", "4222"}
		if c.Servers == EachServers {
			file := filepath.Join(dir, fmt.Sprintf("server-%d.conf", i))
			if err := os.WriteFile(file, []byte(serverConfig(i)), 0o600); err != nil {
				return nil, stop, err
			}
			args = append(args, "--server-config", file)
		}
		_, one, err := scale.Process{Binary: c.Binary, Inside: inside(i)}.Serve(ctx, args...)
		if err != nil {
			return nil, stop, fmt.Errorf("server of host %d: %w", i, err)
		}
		stops = append(stops, one)
		urls = append(urls, "nats://127.0.0.1:4222")
	}
	return urls, stop, nil
}

// sample is what the links had carried at a time.
type sample struct {
	at    time.Time
	links []count
}

// watch looks at the counters until ctx ends.
func watch(ctx context.Context, places int) []sample {
	var list []sample
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return list
		}
		if links, err := counts(ctx, places); err == nil {
			list = append(list, sample{time.Now(), links})
		}
	}
}

// every is the time between two looks at the counters.
const every = 500 * time.Millisecond
