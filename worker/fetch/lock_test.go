package fetch

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gofrs/flock"
)

func locker(log *bytes.Buffer) Client {
	return Client{Run: "r", Alive: func(string) {}, Log: slog.New(slog.NewTextHandler(log, nil))}.withDefaults()
}

// TestACacheWithoutLocksIsUsed has the file system fail as some do.
func TestACacheWithoutLocksIsUsed(t *testing.T) {
	t.Cleanup(func() { tryLock = (*flock.Flock).TryLock })
	for _, kind := range []error{syscall.ENOSYS, syscall.ENOLCK, syscall.EOPNOTSUPP, syscall.EINVAL} {
		tryLock = func(*flock.Flock) (bool, error) { return false, kind }
		var log bytes.Buffer
		c := locker(&log)
		path := filepath.Join(t.TempDir(), "set.tgpack")
		for range 2 { // nobody waits for the other
			if _, err := c.lock(t.Context(), path+lockSuffix); err != nil {
				t.Errorf("%v: %v", kind, err)
			}
		}
		if !strings.Contains(log.String(), "has no locks") {
			t.Errorf("%v: nothing is said: %s", kind, log.String())
		}
		if err := save(path, strings.NewReader("x")); err != nil {
			t.Error(err)
		}
	}
}

// TestALockedCacheIsWaitedFor holds the lock, and leaves a download behind.
func TestALockedCacheIsWaitedFor(t *testing.T) {
	c := locker(new(bytes.Buffer))
	path := filepath.Join(t.TempDir(), "set.tgpack")
	unlock, err := c.lock(t.Context(), path+lockSuffix)
	if err != nil {
		t.Fatal(err)
	}
	soon, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := c.lock(soon, path+lockSuffix); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	left := path + ".1" + partSuffix
	if err := os.WriteFile(left, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	unlock()
	if unlock, err = c.lock(t.Context(), path+lockSuffix); err != nil {
		t.Fatal(err)
	}
	unlock()
	if _, err := os.Stat(left); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a download that was killed is still there: %v", err)
	}
}
