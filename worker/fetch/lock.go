package fetch

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/gofrs/flock"
)

// tryLock is the operating system's; tests put that of other file systems in its place.
var tryLock = (*flock.Flock).TryLock

// lock waits until no other process of this host fetches the same set. It only
// saves them work: a file system without locks has each of them fetch it.
func (c *Client) lock(ctx context.Context, path string) (unlock func(), err error) {
	f := flock.New(path, flock.SetPermissions(0o644))
	for told := false; ; told = true {
		got, err := tryLock(f)
		var file *os.PathError
		switch {
		case got:
			sweep(strings.TrimSuffix(path, lockSuffix))
			return func() { f.Close() }, nil
		case errors.As(err, &file): // it cannot be opened
			return nil, cacheFault(err)
		case err != nil && !errors.Is(err, syscall.EINTR):
			c.Log.Warn("the file system of the cache has no locks: workers that start together each get the data set", "error", err)
			return func() { f.Close() }, nil
		}
		if !told {
			c.Log.Info("another worker of this host gets the data set, waiting for it")
		}
		c.Alive("waiting for another worker to get the data set")
		if err := c.pause(ctx); err != nil {
			f.Close()
			return nil, err
		}
	}
}

const (
	lockSuffix = ".lock"
	partSuffix = ".part"
)

// sweep removes what downloads that were killed left beside path. The caller
// has the lock.
func sweep(path string) {
	left, _ := filepath.Glob(path + ".*" + partSuffix) // a bad pattern in the path matches nothing
	for _, file := range left {
		os.Remove(file)
	}
}
