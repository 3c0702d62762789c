package e2e

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/tinygrow/tinygrow/coordinator"
	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/worker"
)

// roll is what a coordinator told of its members.
type roll struct {
	mu      sync.Mutex
	threads map[proto.WorkerID]int // of the last hello
}

func (r *roll) events() coordinator.Events {
	return coordinator.Events{Joined: func(m coordinator.Member) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.threads[m.Worker] = m.Threads
	}}
}

// wait waits until the members are those of a condition.
func (r *roll) wait(t *testing.T, what string, is func(threads map[proto.WorkerID]int) bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		r.mu.Lock()
		ok := is(r.threads)
		r.mu.Unlock()
		if ok {
			return
		}
	}
	t.Errorf("%s: the members are %v", what, r.threads)
}

// combined starts a worker that may be one with others that meet in dir.
func (s system) combined(cfg worker.Config, samples worker.Samples, dir string) *member {
	b := s.connect()
	ctx, cancel := context.WithCancel(context.Background())
	m := &member{cancel, b, make(chan error, 1)}
	cfg.Run, cfg.Retry = "test", 20*time.Millisecond
	go func() { m.done <- worker.Combined(ctx, cfg, b, samples, dir, "here") }()
	return m
}

func one(threads int) func(map[proto.WorkerID]int) bool {
	return func(all map[proto.WorkerID]int) bool {
		for _, n := range all {
			if n == threads {
				return len(all) == 1
			}
		}
		return false
	}
}

// Workers of one host are one member, with the threads of all; any number of them gives the
// bits of one, and all of them end with the run.
func TestWorkersOfAHostAreOne(t *testing.T) {
	want := of(reference(t))
	for _, threads := range []int{1, 0} { // of their own; the host's
		for _, n := range []int{1, 3, 8} {
			t.Run(fmt.Sprintf("%d of %d threads", n, threads), func(t *testing.T) {
				s, dir, r := overNATS(t), t.TempDir(), &roll{threads: map[proto.WorkerID]int{}}
				j := job(t, "")
				j.Events = r.events()
				slow := data
				slow.slow = 10 * time.Millisecond
				var members []*member
				for i := range n {
					cfg := worker.Config{ID: proto.WorkerID(fmt.Sprintf("w%d", i)), Threads: threads}
					members = append(members, s.combined(cfg, slow, dir))
				}
				if got := of(s.coordinate(t, t.Context(), j)); got != want {
					t.Errorf("got %+v, want %+v", got, want)
				}
				if threads > 0 {
					r.wait(t, "all", one(n*threads))
				} else if len(r.threads) != 1 {
					t.Errorf("members %v", r.threads)
				}
				for _, m := range members {
					select {
					case err := <-m.done:
						if err != nil {
							t.Error(err)
						}
					case <-time.After(20 * time.Second):
						t.Fatal("a worker outlives its run")
					}
					m.bus.Close()
				}
				if left, _ := filepath.Glob(filepath.Join(dir, "hosts", "*", "*.member*")); len(left) > 0 {
					t.Errorf("left behind: %v", left)
				}
			})
		}
	}
}

// One that stands by takes over when the one that computes is told to stop, or cut off and
// killed; one that stands by may go, and come; what a dead one left does not count. Another key, or
// other data, is another host.
func TestWorkersOfAHostTakeOver(t *testing.T) {
	want := of(reference(t))
	s, dir, r := memory(), t.TempDir(), &roll{threads: map[proto.WorkerID]int{}}
	slow := data
	slow.slow = 25 * time.Millisecond
	j := job(t, "")
	j.Events = r.events()
	start := func(id string) *member {
		return s.combined(worker.Config{ID: proto.WorkerID(id), Threads: 1}, slow, dir)
	}
	with := func(id string, threads int) func(map[proto.WorkerID]int) bool {
		return func(all map[proto.WorkerID]int) bool { return all[proto.WorkerID(id)] == threads }
	}
	ended := make(chan hashes)
	go func() { ended <- of(s.coordinate(t, context.Background(), j)) }()
	a := start("a")
	r.wait(t, "a joins", with("a", 1))
	made, err := filepath.Glob(filepath.Join(dir, "hosts", "*"))
	if err != nil || len(made) != 1 {
		t.Fatal(made, err)
	}
	dead := filepath.Join(made[0], "dead.7.own.member")
	if err := os.WriteFile(dead, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	b := start("b")
	r.wait(t, "b stands by", with("a", 2))
	if _, err := os.Stat(dead); err == nil {
		t.Error("what a dead worker left is still there")
	}
	a.Kill()
	r.wait(t, "b takes over", with("b", 1))
	c := start("c")
	r.wait(t, "c stands by", with("b", 2))
	if err := c.Stop(); err != nil {
		t.Error(err)
	}
	r.wait(t, "c goes", with("b", 1))
	d := start("d")
	r.wait(t, "d stands by", with("b", 2))
	if err := b.Stop(); err != nil {
		t.Error(err)
	}
	r.wait(t, "d takes over", with("d", 1))
	if got := <-ended; got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if err := <-d.done; err != nil {
		t.Error(err)
	}
	d.bus.Close()
}
