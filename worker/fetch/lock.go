package fetch

import (
	"context"
	"errors"
	"os"
	"syscall"
)

// lock waits until no other process of this host fetches the same set.
func (c *Client) lock(ctx context.Context, path string) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, cacheFault(err)
	}
	for told := false; ; told = true {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		switch {
		case err == nil:
			return func() { f.Close() }, nil
		case !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR):
			f.Close()
			return nil, cacheFault(err)
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
