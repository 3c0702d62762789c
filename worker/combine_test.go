package worker

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/gofrs/flock"
	"github.com/tinygrow/tinygrow/proto/bus"
)

func meeting1(t *testing.T, dir string, c Config) *meeting {
	t.Helper()
	m, err := meet(dir, c.withDefaults())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.leave)
	m.every, m.patience = 5*time.Millisecond, 100*time.Millisecond
	return m
}

// Who computes for all is waited for while its file is touched, and no longer.
func TestOneThatStandsStillIsNotWaitedFor(t *testing.T) {
	dir := t.TempDir()
	leader, waits := meeting1(t, dir, Config{ID: "leader", Threads: 2}), meeting1(t, dir, Config{ID: "waits", Threads: 3})
	cfg := Config{Run: "r", ID: "waits", Threads: 3}.withDefaults()
	b := bus.NewHub(0).Connect()
	defer b.Close()
	if role, err := leader.wait(t.Context(), cfg, b); role != first || err != nil {
		t.Fatal(role, err)
	}
	stop := leader.lead()
	time.AfterFunc(400*time.Millisecond, func() { stop(false) })
	began := time.Now()
	role, err := waits.wait(t.Context(), cfg, b)
	if took := time.Since(began); role != alone || err != nil || took < 400*time.Millisecond {
		t.Errorf("after %s: role %d, %v", took, role, err)
	}
	if h := leader.hands(); h != (hands{5, false}) {
		t.Errorf("hands %+v", h)
	}
	waits.leave()
	if h := leader.hands(); h != (hands{2, false}) {
		t.Errorf("hands of one that is left %+v", h)
	}
}

// The word that a run is over is for those who waited behind it, not for who begins another.
func TestTheEndOfARunIsForThoseWhoWaited(t *testing.T) {
	dir := t.TempDir()
	cfg := Config{Run: "r", Threads: 1}.withDefaults()
	b := bus.NewHub(0).Connect()
	defer b.Close()
	leader, waits := meeting1(t, dir, Config{ID: "leader", Threads: 1}), meeting1(t, dir, Config{ID: "waits", Threads: 1})
	if role, err := leader.wait(t.Context(), cfg, b); role != first || err != nil {
		t.Fatal(role, err)
	}
	stop, left := leader.lead(), make(chan struct{})
	time.AfterFunc(50*time.Millisecond, func() {
		defer close(left)
		stop(true)
		leader.leave()
	})
	role, err := waits.wait(t.Context(), cfg, b)
	<-left
	if role != heir || err != nil {
		t.Fatal(role, err)
	}
	waits.leave()
	later := meeting1(t, dir, Config{ID: "later", Threads: 1})
	if role, err := later.wait(t.Context(), cfg, b); role != first || err != nil {
		t.Fatal(role, err)
	}
}

// Threads of their own are added, those of the host are counted once; what is no member, or not
// alive, does not count.
func TestHandsOfAHost(t *testing.T) {
	dir := t.TempDir()
	m := meeting1(t, dir, Config{ID: "a.b", Threads: 2})
	alive := func(name string) {
		f := flock.New(filepath.Join(dir, name))
		if got, err := f.TryLock(); !got || err != nil {
			t.Fatal(got, err)
		}
		t.Cleanup(func() { f.Close() })
	}
	alive("c.3.own.member")
	alive("d.8.shared.member")
	alive("e.6.shared.member")
	alive("f.0.own.member")
	alive("g.x.own.member")
	alive("h.9999999.own.member")
	alive(".member")
	if err := os.WriteFile(filepath.Join(dir, "dead.4.own.member"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if h := m.hands(); h != (hands{2 + 3 + 8, false}) {
		t.Errorf("hands %+v", h)
	}
	pool := meeting1(t, filepath.Join(dir, "other"), Config{ID: "p"})
	if h := pool.hands(); !h.shared || h.threads != pool.self.hands.threads {
		t.Errorf("hands of one that shares %+v", h)
	}
}

// Only those meet that might as well be one process.
func TestWhoIsTogether(t *testing.T) {
	base := Config{Run: "r", Key: "k", Program: "p"}.withDefaults()
	name := base.together(noise{}, "nats://a")
	if again := base.together(noise{}, "nats://a"); again != name {
		t.Error("the same worker has two names")
	}
	for what, change := range map[string]func(c *Config){"run": func(c *Config) { c.Run = "s" }, "key": func(c *Config) { c.Key = "l" },
		"build": func(c *Config) { c.Program = "q" }, "host": func(c *Config) { c.Host = "elsewhere" },
		"stand-in": func(c *Config) { c.StandIn = time.Second }} {
		c := base
		if change(&c); c.together(noise{}, "nats://a") == name {
			t.Errorf("workers of another %s are together", what)
		}
	}
	if base.together(noise{}, "nats://b") == name {
		t.Error("workers of another server are together")
	}
}
