package coordinator

import (
	"slices"

	"github.com/tinygrow/tinygrow/coordinator/plan"
	"github.com/tinygrow/tinygrow/coordinator/reduce"
	"github.com/tinygrow/tinygrow/proto"
)

// gatherWindow is the usual window of sharing.
const gatherWindow = 8 << 20

// tellWindow asks an owner for what is missing of its state.
func (c *core) tellWindow(share int) {
	d := c.share.gather.duty
	d.Window = proto.Window{Share: uint32(share), Most: c.share.window}
	if r := c.share.gather.reports[share]; r != nil {
		d.Window.From = r.parts.Missing()
	}
	c.port.duty(&d)
}

// collect has the owners send their state, unless they do already or it is here.
func (c *core) collect(now plan.Time) {
	h := &c.share
	if !h.away || h.gather != nil || h.asked != nil && h.asked.duty.Do == proto.Update {
		return
	}
	h.gather = &errand{duty: proto.Duty{Head: c.head, Deal: h.deal, Do: proto.Gather, Round: h.last}, since: now, sent: now,
		reports: make([]*assembled, len(h.owners))}
	for i := range h.owners {
		c.tellWindow(i)
	}
}

// save lets the port know, by gathered, once the trainer has all of its numbers.
func (c *core) save(now plan.Time) {
	c.share.saves = true
	c.collect(now)
}

// whole reports whether the trainer has all of its numbers, and has made all
// steps that were made before.
func (c *core) whole() bool { return !c.share.away && len(c.share.again) == 0 }

// gathered takes the state that the owners sent.
func (c *core) gathered(now plan.Time, a *errand) error {
	h := &c.share
	h.gather = nil
	values := make([]float32, 0, len(c.train.Model().Params)*c.train.Vectors())
	for v := range c.train.Vectors() {
		for i, r := range a.reports {
			own := h.ranges.Own(i)
			n := 4 * own.Len()
			part := r.data[v*n : (v+1)*n]
			at := len(values)
			values = values[:at+n/4]
			copy(proto.Bytes32(values[at:]), part)
		}
	}
	all := c.train.Cut(1)
	shard, err := reduce.NewShard(c.train.Part(all, 0), values)
	if err != nil {
		return err
	}
	if odd := h.without(shard.Parts().State); odd != nil {
		return c.loseReducers(now, odd, "the state that it sent is not the one that it reported")
	}
	c.train.Take(values)
	h.away, h.mark, h.since = false, nil, nil
	clear(h.strikes)
	if h.saves && len(h.again) == 0 {
		h.saves = false
		if err := c.port.gathered(); err != nil {
			return err
		}
	}
	if c.closed { // no round goes on
		return c.next(now)
	}
	return c.advance(now)
}

// without returns the owners of chunks that are known by other digests than theirs.
func (h *sharing) without(parts []proto.Digest) (odd []proto.WorkerID) {
	for i, o := range h.owners {
		own, g := h.ranges.Own(i), h.ranges.Grain
		lo, hi := own.Lo/int(g), g.Chunks(own.Hi)
		if !slices.Equal(parts[lo:hi], h.parts[lo:hi]) {
			odd = append(odd, o.Reducer)
		}
	}
	return odd
}

// abandon ends a run that is told to stop without the round at hand, once the trainer has
// all of its numbers.
func (c *core) abandon(now plan.Time) error {
	if c.closed {
		return nil // the next round will not begin
	}
	return c.next(now)
}

// settle takes the trainer back to the newest state of which it has all numbers, and
// returns how many steps that are known lie behind it.
func (c *core) settle() (steps int, err error) {
	h := &c.share
	if steps = len(h.since) + len(h.again); h.away {
		err = c.train.Back(h.mark)
	} else {
		steps = len(h.again)
	}
	return steps, err
}
