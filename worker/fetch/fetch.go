package fetch

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/proto/bus"
	"github.com/tinygrow/tinygrow/worker/dataset"
)

// Get returns the run's data set. It waits for the coordinator as long as ctx
// lives, and returns ErrEnded when the run ends first.
func (c Client) Get(ctx context.Context, b bus.Bus) (*dataset.Set, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	c = c.withDefaults()
	ctx, stop, err := c.untilEnded(ctx, b)
	if err != nil {
		return nil, err
	}
	defer stop()
	offer, err := c.ask(ctx, b, proto.DataRequest{})
	if err != nil {
		return nil, err
	}
	if err := c.accept(offer.Set); err != nil {
		return nil, err
	}
	if dataset.Drawn(offer.Set.Name) {
		return draw(offer.Set)
	}
	return c.cached(ctx, b, offer.Set)
}

// accept refuses what the worker will not take.
func (c *Client) accept(d proto.DataSet) error {
	id, err := hex.DecodeString(d.Digest)
	switch {
	case !dataset.ValidName(d.Name) || err != nil || len(id) != 32:
		return fmt.Errorf("%w: it tells of a data set %.40q with digest %.80q: use the same build on both sides",
			ErrRefused, d.Name, d.Digest)
	case c.Name != "" && c.Name != d.Name:
		return fmt.Errorf("%w: the run is on the data set %s, this worker was told to use %s: leave out --data", ErrRefused, d.Name, c.Name)
	case d.Bytes > c.limit():
		return fmt.Errorf("%w: the data set %s takes %d MiB on disk, the limit here is %d: raise it with --set fetch.limit_mb=%d",
			ErrRefused, d.Name, d.Bytes>>20, c.LimitMB, d.Bytes>>20+1)
	}
	return nil
}

// draw makes the built-in set.
func draw(d proto.DataSet) (*dataset.Set, error) {
	s, err := dataset.Open(dataset.Config{Name: d.Name, Seed: d.Seed, Limit: d.Limit})
	if err != nil {
		return nil, err
	}
	return s, same(s, d)
}

// same refuses a set other than d.
func same(s *dataset.Set, d proto.DataSet) error {
	if s.Digest() != d.Digest || s.Name() != d.Name {
		return fmt.Errorf("%w %s has digest %.16s, the run's has %.16s", dataset.ErrData, s.Name(), s.Digest(), d.Digest)
	}
	return nil
}

// maxDamaged is how often a set may come with wrong contents.
const maxDamaged = 3

// cached returns the set from the cache, after fetching it if need be.
func (c *Client) cached(ctx context.Context, b bus.Bus, d proto.DataSet) (*dataset.Set, error) {
	dir, err := c.Place()
	if err != nil {
		return nil, err
	}
	path := filepath.Join(dir, d.Name+"-"+d.Digest+dataset.PackedEnding)
	unlock, err := c.lock(ctx, path+lockSuffix)
	if err != nil {
		return nil, err
	}
	defer unlock()
	s, err := c.read(path, d)
	if err == nil {
		c.Log.Info("took the data set from the cache", "set", d.Name, "file", path)
		return s, nil
	}
	for damaged := 0; ; {
		if !errors.Is(err, os.ErrNotExist) {
			c.Log.Warn("the data set is not whole, getting it again", "set", d.Name, "error", err)
		}
		err = c.download(ctx, b, d, path)
		if err == nil {
			s, err = c.read(path, d)
		}
		switch {
		case err == nil:
			return s, nil
		case ctx.Err() != nil:
			return nil, context.Cause(ctx)
		case errors.Is(err, dataset.ErrTooLarge), errors.Is(err, ErrRefused), errors.Is(err, ErrCache),
			errors.Is(err, bus.ErrClosed), errors.Is(err, bus.ErrForbidden):
			return nil, err
		case errors.Is(err, dataset.ErrData):
			if damaged++; damaged == maxDamaged {
				return nil, fmt.Errorf("%w: it came %d times", err, maxDamaged)
			}
		}
		if err := c.pause(ctx); err != nil {
			return nil, err
		}
	}
}

// read opens the set in a file of the cache, all of which it looks at, and which it removes if that
// is not d. The samples stay in the file.
func (c *Client) read(path string, d proto.DataSet) (*dataset.Set, error) {
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	c.Alive("reading the data set " + d.Name)
	s, err := dataset.OpenPacked(path, true)
	if err == nil {
		err = same(s, d)
	}
	if err != nil {
		return nil, errors.Join(err, os.Remove(path))
	}
	return s, nil
}

// download fetches the file of the set to path, whole or not at all.
func (c *Client) download(ctx context.Context, b bus.Bus, d proto.DataSet, path string) error {
	offer, err := c.ask(ctx, b, proto.DataRequest{Fetch: true})
	if err != nil {
		return err
	}
	if offer.Set != d || offer.File.Key == "" {
		return fmt.Errorf("%w: the run changed its data set: start the worker again", ErrRefused)
	}
	if most := dataset.PackedMost(d.Bytes); offer.File.Size > most {
		return fmt.Errorf("%w: its file has %d bytes, no set of %d bytes takes more than %d", ErrRefused, offer.File.Size, d.Bytes, most)
	}
	ctx, stop := context.WithCancel(ctx)
	in := c.readFile(ctx, b, offer.File)
	defer in.group.Wait()
	defer stop()
	return save(path, c.progress(in, d.Name, offer.File.Size))
}

// save writes a file whole or not at all. It is no loss if it does not last: the
// digest tells, and it can be fetched again.
func save(path string, r io.Reader) error {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*"+partSuffix)
	if err != nil {
		return cacheFault(err)
	}
	w := &diskWriter{f: f}
	_, err = io.Copy(w, r)
	if err == nil {
		w.err = errors.Join(f.Chmod(0o644), f.Close(), os.Rename(f.Name(), path))
	} else {
		f.Close()
	}
	if w.err != nil {
		err = cacheFault(w.err)
	}
	if err != nil {
		os.Remove(f.Name())
	}
	return err
}

// diskWriter remembers its own failures, to tell them from the reader's.
type diskWriter struct {
	f   *os.File
	err error
}

func (w *diskWriter) Write(p []byte) (int, error) {
	n, err := w.f.Write(p)
	w.err = errors.Join(w.err, err)
	return n, err
}
