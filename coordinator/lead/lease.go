package lead

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/proto/bus"
	"github.com/tinygrow/tinygrow/proto/pause"
)

// renewals is how often a lease is renewed within Silence, looks how often a
// standby looks at it: a takeover begins between 1-1/renewals and 1+1/looks of
// Silence after the death of the holder.
const (
	renewals = 8
	looks    = 20
)

// Acquire takes the lease once it is free: nobody ever held it, its holder
// gave it up, or did not renew it for as long as Silence by this process's
// clock. Where it is renewed by another, standby is told who that is, again and
// again as long as the lease can be read; without standby ErrHeld is returned. Once taken, the lease is renewed until Close.
func (l *Lead) Acquire(ctx context.Context, standby func(holder string)) error {
	var seen watch
	failing := time.Time{}
	for {
		err := l.look(ctx, &seen)
		switch {
		case err == nil && seen.free(l.o.Silence):
			if err = l.write(ctx, seen.number, false); err == nil {
				l.hold()
				return nil
			}
		case err == nil && seen.renewed && standby == nil:
			return fmt.Errorf("%w %s: %s", ErrHeld, l.o.Run, seen.holder)
		case err == nil && standby != nil:
			standby(seen.holder)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		switch {
		case err == nil, errors.Is(err, bus.ErrConflict):
			failing = time.Time{}
		case failing.IsZero():
			failing = time.Now()
		case standby == nil && time.Since(failing) > 10*time.Second:
			return fmt.Errorf("lease of run %s: %w: check the server, and whether this key may use JetStream (tinygrow auth init "+
				"writes the rights); cluster.log=off goes without", l.o.Run, err)
		}
		_ = pause.For(ctx, l.o.Silence/looks) // the loop sees that ctx ended
	}
}

// watch is what a coordinator saw of a lease. Only changes count, and this
// process's own clock: no two clocks are compared.
type watch struct {
	looked  bool
	number  uint64
	since   time.Time // the lease is as it is
	holder  string
	gone    bool // released, or never held by anybody
	renewed bool // it changed while being watched
}

func (w *watch) free(silence time.Duration) bool { return w.gone || time.Since(w.since) >= silence }

// look updates w. An error leaves open whether the holder lives, so that the
// time begins again.
func (l *Lead) look(ctx context.Context, w *watch) error {
	ctx, cancel := context.WithTimeout(ctx, l.o.Silence)
	defer cancel()
	r, err := l.lease.Last(ctx)
	if err != nil {
		w.since = time.Now()
		return err
	}
	if w.looked && r.Number == w.number && !w.gone {
		return nil
	}
	lease := proto.Lease{}
	if r.Number > 0 {
		if err := proto.Decode(r.Data, &lease); err != nil {
			return fmt.Errorf("lease of run %s: %w", l.o.Run, err)
		}
	}
	w.renewed = w.looked && r.Number != w.number && !lease.Released && r.Number > 0
	w.looked, w.number, w.since, w.holder, w.gone = true, r.Number, time.Now(), lease.Holder, lease.Released
	if r.Number == 0 {
		// Either nobody was ever here, or the server was started again and
		// forgot: then the holder is about to write.
		last, err := l.log.Last(ctx)
		if err != nil {
			return err
		}
		w.gone = last.Number == 0
	}
	return nil
}

// write renews the lease behind record number after, or releases it.
func (l *Lead) write(ctx context.Context, after uint64, released bool) error {
	data, err := proto.Marshal(&proto.Lease{Head: proto.Head{Run: l.o.Run, Start: l.start}, Holder: l.holder, Released: released})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, l.o.Silence)
	defer cancel()
	l.number, err = l.lease.Append(ctx, after, data)
	if err != nil {
		l.number = after
	}
	return err
}

// hold renews the lease until Close.
func (l *Lead) hold() {
	ctx, stop := context.WithCancel(context.Background())
	l.stop = stop
	l.group.Go(func() {
		ticker := time.NewTicker(l.o.Silence / renewals)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
			case <-ctx.Done():
				return
			}
			if err := l.renew(ctx); errors.Is(err, ErrFenced) {
				l.taken = true
				l.lost <- err
				return
			}
		}
	})
}

// renew writes the lease again. Only another holder's record is an end; what
// cannot be written now can be later.
func (l *Lead) renew(ctx context.Context) error {
	err := l.write(ctx, l.number, false)
	if !errors.Is(err, bus.ErrConflict) {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, l.o.Silence)
	defer cancel()
	r, err := l.lease.Last(ctx)
	if err != nil {
		return err
	}
	if r.Number == 0 {
		return l.write(ctx, 0, false) // the server forgot
	}
	lease := proto.Lease{}
	if err := proto.Decode(r.Data, &lease); err != nil {
		return err
	}
	if lease.Start != l.start {
		return fmt.Errorf("%w: run %s is led by %s, this one was cut off or stood still for too long: it stops, the run goes on there; "+
			"to stand by for it, start this one with --standby", ErrFenced, l.o.Run, lease.Holder)
	}
	l.number = r.Number // an acknowledgement was lost
	return nil
}

// Lost gets one error when another took the lease.
func (l *Lead) Lost() <-chan error { return l.lost }

// Close gives the lease up, if it is held, so that a standby takes over at once.
func (l *Lead) Close() error {
	if l.stop == nil {
		return nil
	}
	l.stop()
	l.group.Wait()
	l.stop = nil
	if l.taken {
		return nil
	}
	err := l.write(context.Background(), l.number, true)
	if err != nil && !errors.Is(err, bus.ErrConflict) {
		return fmt.Errorf("release the lease of run %s: %w", l.o.Run, err)
	}
	return nil
}
