package coordinator

import (
	"slices"

	"github.com/tinygrow/tinygrow/coordinator/plan"
	"github.com/tinygrow/tinygrow/proto"
)

// reducer is one that was admitted.
type reducer struct {
	nonce proto.Nonce
	heard plan.Time
	// from is the time from which on it may own a range.
	from plan.Time
}

// maxStrikes bounds, as a power of two, how long a reducer sits out.
const maxStrikes = 6

// ready returns the reducers that may own ranges, those that joined first in front.
func (h *sharing) ready(now plan.Time) []proto.WorkerID {
	var list []proto.WorkerID
	for _, id := range h.names {
		if now >= h.there[id].from {
			list = append(list, id)
		}
	}
	return list
}

// heardReducer notes a sign of life.
func (c *core) heardReducer(now plan.Time, id proto.WorkerID) {
	if r := c.share.there[id]; r != nil {
		r.heard = now
	}
}

// takenReducer reports whether another process goes by the id of a reducer, and was heard
// of a moment ago.
func (c *core) takenReducer(now plan.Time, id proto.WorkerID, n proto.Nonce) bool {
	old := c.share.there[id]
	return old != nil && old.nonce != n && now-old.heard < c.share.lost/2
}

// admitReducer takes a reducer in. Another process of that id is gone.
func (c *core) admitReducer(now plan.Time, id proto.WorkerID, n proto.Nonce) error {
	h := &c.share
	if old := h.there[id]; old != nil {
		if old.nonce == n {
			old.heard = now
			return nil
		}
		if err := c.loseReducer(now, id, "it was started again"); err != nil {
			return err
		}
	}
	r := &reducer{nonce: n, heard: now}
	if n := h.strikes[id]; n > 0 { // it would cost steps again
		r.from = now + h.lost<<(n-1)
	}
	h.there[id] = r
	h.names = append(h.names, id)
	return nil
}

// loseReducer gives a reducer up. If it owns a range, the steps since the trainer had that
// are made again, which gives the same bits. One that was lost again and again sits out
// longer and longer.
func (c *core) loseReducer(now plan.Time, id proto.WorkerID, why string) error {
	return c.loseReducers(now, []proto.WorkerID{id}, why)
}

// loseReducers gives several up at once.
func (c *core) loseReducers(now plan.Time, ids []proto.WorkerID, why string) error {
	h := &c.share
	steps, lost := 0, false
	if h.away {
		steps = len(h.since)
	}
	for _, id := range ids {
		if h.there[id] == nil {
			continue
		}
		delete(h.there, id)
		h.names = slices.DeleteFunc(h.names, func(n proto.WorkerID) bool { return n == id })
		if !slices.ContainsFunc(h.owners, func(o proto.Owner) bool { return o.Reducer == id }) {
			c.port.reducerLost(id, 0, why)
			continue
		}
		c.port.reducerLost(id, steps, why)
		h.strikes[id] = min(h.strikes[id]+1, maxStrikes)
		steps, lost = 0, true
	}
	if !lost {
		return nil
	}
	busy := c.closed || c.round.Shares != nil // no round goes on, or one that counted on it
	h.owners, h.current, h.asked, h.gather, h.chosen, h.told = nil, false, nil, nil, nil, proto.BlobRef{}
	c.port.lend(nil)
	if h.away {
		if err := c.train.Back(h.mark); err != nil {
			return err
		}
		h.again = append(h.since, h.again...)
		h.deal++ // workers may have later weights: those of the steps that come again have keys behind these
		h.away, h.mark, h.since, busy = false, nil, nil, true
	}
	if c.ended || !busy {
		return nil
	}
	c.closed = true
	return c.next(now)
}

// tickReducers tells again what was not answered, and gives up who is silent.
func (c *core) tickReducers(now plan.Time) error {
	h := &c.share
	for _, id := range slices.Clone(h.names) {
		if r := h.there[id]; r != nil && now-r.heard > h.lost {
			if err := c.loseReducer(now, id, "nothing was heard of it"); err != nil {
				return err
			}
		}
	}
	if h.saves {
		c.collect(now)
	}
	for _, a := range []*errand{h.asked, h.gather} {
		if a == nil {
			continue
		}
		for i, r := range a.reports {
			if i < len(h.owners) && !r.done() && now-max(a.since, r.movedAt()) > h.lost {
				return c.loseReducer(now, h.owners[i].Reducer, "it does not do what it is asked for")
			}
		}
		if now-a.sent < repeat {
			continue
		}
		if a.duty.Do != proto.Gather {
			c.tell(now, a)
			continue
		}
		a.sent = now
		for i, r := range a.reports {
			if !r.done() && now-r.movedAt() >= repeat {
				c.tellWindow(i)
			}
		}
	}
	return nil
}

func (a *assembled) movedAt() plan.Time {
	if a == nil {
		return 0
	}
	return a.moved
}
