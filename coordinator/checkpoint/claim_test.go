package checkpoint

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/gofrs/flock"
)

// lacking puts other calls in place of the file system's for a test.
func lacking(t *testing.T, change func(c *calls)) {
	t.Helper()
	whole := system
	t.Cleanup(func() { system = whole })
	change(&system)
}

// withoutLocks makes every lock fail with err.
func withoutLocks(t *testing.T, err error) {
	lacking(t, func(c *calls) { c.lock = func(*flock.Flock) (bool, error) { return false, err } })
}

// quick watches for a short time.
var quick = claims{beat: 10 * time.Millisecond, patience: 300 * time.Millisecond}

// TestLocksFailByKind tells a lock that is held from a file system without any.
func TestLocksFailByKind(t *testing.T) {
	for _, kind := range []error{syscall.ENOSYS, syscall.ENOLCK, syscall.EOPNOTSUPP, syscall.EINVAL} {
		withoutLocks(t, kind)
		path := filepath.Join(t.TempDir(), "run")
		d, err := Create(path, []byte("x"))
		if err != nil {
			t.Fatalf("%v: %v", kind, err)
		}
		if !slices.Contains(d.Notes(), noteLocks) {
			t.Errorf("%v: nothing is said: %q", kind, d.Notes())
		}
		if _, _, err := Open(path); !errors.Is(err, ErrLocked) || !strings.Contains(err.Error(), "process ") {
			t.Errorf("%v: while the run is worked on: %v", kind, err)
		}
		if err := d.Close(); err != nil {
			t.Error(err)
		}
		if d, _, err = Open(path); err != nil {
			t.Fatalf("%v: afterwards: %v", kind, err)
		}
		d.Close()
	}
	for _, kind := range []error{syscall.EIO, syscall.EACCES} {
		withoutLocks(t, kind)
		if _, err := Create(filepath.Join(t.TempDir(), "run"), []byte("x")); !errors.Is(err, kind) || errors.Is(err, ErrLocked) {
			t.Errorf("%v: %v", kind, err)
		}
	}
}

// TestALockThatFailsForOneOnlyKeepsTwoApart has a lock server fail between two processes.
func TestALockThatFailsForOneOnlyKeepsTwoApart(t *testing.T) {
	dir := t.TempDir()
	first, err := quick.take(dir, new(disk))
	if err != nil {
		t.Fatal(err)
	}
	withoutLocks(t, syscall.ENOLCK)
	if _, err := quick.take(dir, new(disk)); !errors.Is(err, ErrLocked) {
		t.Errorf("the second without a lock: %v", err)
	}
	if err := first.release(); err != nil {
		t.Error(err)
	}
	second, err := quick.take(dir, new(disk))
	if err != nil {
		t.Fatal(err)
	}
	system.lock = (*flock.Flock).TryLock
	if _, err := quick.take(dir, new(disk)); !errors.Is(err, ErrLocked) {
		t.Errorf("the third with a lock: %v", err)
	}
	second.release()
}

// TestStaleOwnersAreTakenOver leaves owner files of different ends behind.
func TestStaleOwnersAreTakenOver(t *testing.T) {
	withoutLocks(t, syscall.ENOSYS)
	dead := thisProcess()
	dead.Start = "1" // another process had this id
	elsewhere := owner{Nonce: "x", Host: "elsewhere", PID: 1}
	patient := claims{beat: 10 * time.Millisecond, patience: time.Hour}
	for name, c := range map[string]struct {
		text string
		by   claims
	}{
		"died here":     {string(dead.encode()), patient},
		"elsewhere":     {string(elsewhere.encode()), quick},
		"cut short":     {`{"nonce": "x`, quick},
		"empty":         {"", quick},
		"another thing": {"[1]", quick},
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, ownerFile), []byte(c.text), 0o644); err != nil {
			t.Fatal(err)
		}
		got, err := c.by.take(dir, new(disk))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if err := got.release(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if left, _ := filepath.Glob(filepath.Join(dir, ownerFile+"*")); len(left) > 0 {
			t.Errorf("%s: left %v", name, left)
		}
	}
}

// TestOnlyOneTakesAStaleDirectory lets many want it at once.
func TestOnlyOneTakesAStaleDirectory(t *testing.T) {
	withoutLocks(t, syscall.ENOSYS)
	dir := t.TempDir()
	stale := owner{Nonce: "x", Host: "elsewhere", PID: 1}
	if err := os.WriteFile(filepath.Join(dir, ownerFile), stale.encode(), 0o644); err != nil {
		t.Fatal(err)
	}
	var got atomic.Int32
	var all sync.WaitGroup
	done := make(chan struct{})
	for range 20 {
		all.Go(func() {
			c, err := quick.take(dir, new(disk))
			if err != nil {
				return
			}
			time.Sleep(5 * c.beat)
			if c.check() == nil {
				got.Add(1)
			}
			<-done
			c.release()
		})
	}
	for began := time.Now(); got.Load() == 0 && time.Since(began) < time.Minute; {
		time.Sleep(10 * time.Millisecond)
	}
	time.Sleep(2 * quick.patience)
	close(done)
	all.Wait()
	if n := got.Load(); n != 1 {
		t.Errorf("%d have the directory", n)
	}
}

// TestAnOwnerThatStoodStillStops takes a directory from under a run.
func TestAnOwnerThatStoodStillStops(t *testing.T) {
	path := filepath.Join(t.TempDir(), "run")
	d, err := Create(path, []byte("x"))
	if err != nil {
		t.Fatal(err)
	}
	other := owner{Nonce: "x", Host: "elsewhere", PID: 1}
	if err := os.WriteFile(filepath.Join(path, ownerFile), other.encode(), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := d.Save(&Checkpoint{}, 1); !errors.Is(err, ErrLocked) || !strings.Contains(err.Error(), "process 1 on elsewhere") {
		t.Errorf("got %v", err)
	}
	d.Close()
	if o, err := readOwner(filepath.Join(path, ownerFile)); err != nil || o.Host != "elsewhere" {
		t.Errorf("the other's file: %+v, %v", o, err)
	}
}
