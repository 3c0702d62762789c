package coordinator

import (
	"bytes"
	"fmt"
	"slices"
	"time"

	"github.com/tinygrow/tinygrow/coordinator/lead"
	"github.com/tinygrow/tinygrow/coordinator/plan"
	"github.com/tinygrow/tinygrow/coordinator/reduce"
	"github.com/tinygrow/tinygrow/coordinator/trainer"
	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/tensor/kernel"
)

// sharing is the part of a core that has others make its updates: which reducers there
// are, which range each of them owns, what they were asked for, and where the trainer
// stood when it had all of its numbers last. Without reducers it does nothing, and the
// coordinator owns all.
type sharing struct {
	most int       // ranges at most; 0: the coordinator owns all
	lost plan.Time // the silence after which a reducer is given up
	room int       // bytes of a message
	// window is how much of a state an owner is asked for at a time: the server of the bus
	// cuts off who is 64 MB behind.
	window int64
	names  []proto.WorkerID
	there  map[proto.WorkerID]*reducer
	// strikes counts how often one that owned a range was lost, since owners sent their state last.
	strikes map[proto.WorkerID]int

	deal    uint64 // number of the newest deal
	owners  []proto.Owner
	ranges  reduce.Ranges
	current bool // the owners have the state that the run is in

	asked  *errand
	gather *errand     // goes on beside a round, before its update
	last   proto.Round // whose update the owners made last; 0: none since the deal
	parts  []proto.Digest
	told   proto.BlobRef // the weights that the owners told last
	chosen []proto.Chosen
	sums   []float64 // of a round that is complete and being updated
	step   trainer.Order

	away  bool          // the trainer lacks the numbers that the owners have
	mark  *trainer.Mark // where it had them last
	since []string      // digests of the steps that were made since
	again []string      // those that are made again
	saves bool          // gathered is to be told
}

// errand is a duty that waits for the reports of all owners.
type errand struct {
	duty    proto.Duty
	chosen  []proto.Chosen
	since   plan.Time
	sent    plan.Time
	reports []*assembled
}

// assembled is a report on its way.
type assembled struct {
	data  []byte
	parts *proto.Assembly
	moved plan.Time // something of it came
}

func (a *assembled) done() bool { return a != nil && a.parts.Done() }

// whole reports whether all reports are there.
func (a *errand) whole() bool {
	for _, r := range a.reports {
		if !r.done() {
			return false
		}
	}
	return true
}

// repeat is after how long a duty that was not answered is told again.
const repeat = 250 * time.Millisecond

// spec is what workers are told of the ranges.
func (h *sharing) spec() *proto.Shares {
	s := &proto.Shares{Deal: h.deal}
	for _, c := range h.ranges.Cuts {
		s.Cuts = append(s.Cuts, uint64(c))
	}
	return s
}

// ids names the owners.
func (h *sharing) ids() []proto.WorkerID {
	var list []proto.WorkerID
	for _, o := range h.owners {
		list = append(list, o.Reducer)
	}
	return list
}

// cut shares the parameters out between so many reducers; without Cuts: there are none.
func (c *core) cut(ready int) reduce.Ranges {
	h := &c.share
	if n := min(h.most, ready); n > 0 && 4*len(c.train.Model().Buffers) <= h.room {
		return c.train.Cut(n)
	}
	return reduce.Ranges{}
}

// shares reports whether the owners are to make the update of the round that comes next.
// It deals the ranges out if they have to be, which it reports as well: then next is
// called again once that is done.
func (c *core) shares(now plan.Time) (share, dealing bool) {
	h := &c.share
	if !c.train.Shares() {
		return false, false
	}
	if h.away {
		return true, false
	}
	ready := h.ready(now)
	ranges := c.cut(len(ready))
	if ranges.Cuts == nil {
		return false, false
	}
	if h.current && len(ranges.Cuts) <= len(h.owners) {
		return true, false
	}
	return true, c.dealOut(now, ranges, ready)
}

// dealOut gives each of the first of some reducers a range.
func (c *core) dealOut(now plan.Time, ranges reduce.Ranges, ready []proto.WorkerID) bool {
	h := &c.share
	h.deal++
	h.owners, h.ranges, h.current, h.parts, h.told, h.last = nil, ranges, false, c.train.Parts(), proto.BlobRef{}, 0
	var states []blob
	for i, id := range ready[:len(ranges.Cuts)] {
		data, err := c.train.Part(ranges, i).Encode(c.train.Values(ranges.Hulls[i]))
		if err != nil {
			panic(fmt.Sprint("coordinator: ", err)) // plain structs
		}
		b := newBlob(fmt.Sprintf("deal-%d-%d", h.deal, i), data)
		states = append(states, b)
		h.owners = append(h.owners, proto.Owner{Reducer: id, Nonce: h.there[id].nonce, State: b.ref})
	}
	c.port.lend(states)
	c.ask(now, proto.Duty{Do: proto.Deal, Owners: h.owners}, nil)
	return true
}

// ask tells the owners to do something and waits for their reports.
func (c *core) ask(now plan.Time, d proto.Duty, chosen []proto.Chosen) {
	h := &c.share
	d.Head, d.Deal = c.head, h.deal
	h.asked = &errand{duty: d, chosen: chosen, since: now, reports: make([]*assembled, len(h.owners))}
	c.tell(now, h.asked)
}

// tell sends a duty, in several messages where many pieces are named.
func (c *core) tell(now plan.Time, a *errand) {
	a.sent = now
	for from := 0; from < len(a.chosen) || from == 0; from += proto.MaxChosen {
		d := a.duty
		d.Chosen = a.chosen[from:min(from+proto.MaxChosen, len(a.chosen))]
		c.port.duty(&d)
	}
}

// order has the owners make the update of the round, whose pieces are chosen.
func (c *core) order(now plan.Time, f64 []float64) error {
	h := &c.share
	h.sums = f64
	if c.train.Looks() {
		c.ask(now, c.dutyOf(proto.Sum), h.chosen)
		return nil
	}
	return c.update(now, reduce.Looks{})
}

func (c *core) dutyOf(do proto.Do) proto.Duty {
	return proto.Duty{Do: do, Round: c.number, Inputs: c.inputs, MicroShards: c.round.MicroShards(), Exponent: c.round.Wire.Exponent}
}

func (c *core) update(now plan.Time, looks reduce.Looks) error {
	h := &c.share
	o, err := c.train.Order(h.sums, looks)
	if err != nil {
		return err
	}
	if o.Again {
		return c.next(now)
	}
	d := c.dutyOf(proto.Update)
	d.Update = proto.UpdateBy{Scale: o.Scale, LR: o.LR, Average: o.Average, Tell: o.Told, Buffers: proto.Bytes32(o.Buffers),
		Key: weightsKey(h.deal, c.round.Step+proto.Step(max(1, c.round.Local.Steps)), c.round.Generation, c.train.Turn())}
	h.step = o
	c.ask(now, d, h.chosen)
	return nil
}

// reported takes a report. Its error ends the run.
func (c *core) reported(now plan.Time, from proto.WorkerID, m *proto.Report) error {
	h := &c.share
	if m.Of.Deal != h.deal || int(m.Of.Share) >= len(h.owners) || h.owners[m.Of.Share].Reducer != from {
		return nil
	}
	c.heardReducer(now, from)
	a, share := h.asked, int(m.Of.Share)
	if m.Do == proto.Gather {
		a = h.gather
	}
	if a == nil || a.duty.Do != m.Do || a.duty.Round != m.Round {
		return nil
	}
	if a.reports[share] == nil {
		if m.Size != c.reportSize(m.Do, share) {
			return c.loseReducer(now, from, fmt.Sprintf("its report about %q has %d bytes", m.Do, m.Size))
		}
		data := make([]byte, m.Size)
		a.reports[share] = &assembled{data: data, parts: proto.AssembleBytes(data)}
	}
	r := a.reports[share]
	if fresh, err := r.parts.Put(m.Chunk); err != nil || !fresh { // that of nothing is always fresh
		return nil
	}
	r.moved = now
	switch {
	case a.whole():
		return c.settled(now, a)
	case m.Do == proto.Gather && !r.done() && r.parts.Missing()%h.window == 0:
		c.tellWindow(share)
	}
	return nil
}

// reportSize is how many bytes a report has.
func (c *core) reportSize(do proto.Do, share int) int64 {
	h := &c.share
	own, chunks := h.ranges.Own(share), int64(h.ranges.Chunks(share).Len())
	const digest, square = int64(len(proto.Digest{})), 8
	switch do {
	case proto.Deal:
		return chunks * digest
	case proto.Sum:
		return chunks * reduce.LookSize
	case proto.Gather:
		return 4 * int64(own.Len()) * int64(c.train.Vectors())
	}
	return chunks*(digest+square) + int64(h.ranges.Spans(share, len(h.step.Buffers)).Len())*digest
}

// settled goes on once all owners have reported.
func (c *core) settled(now plan.Time, a *errand) error {
	h := &c.share
	switch a.duty.Do {
	case proto.Deal:
		h.asked = nil
		c.port.lend(nil)
		for i := range h.owners {
			if r := h.ranges.Chunks(i); !slices.Equal(h.parts[r.Lo:r.Hi], digests(a.reports[i].data)) {
				return c.loseReducer(now, h.owners[i].Reducer, "what it has is not the range that it was given")
			}
		}
		h.current = true
		return c.next(now)
	case proto.Sum:
		h.asked = nil
		data, odd := h.joined(a, reduce.LookSize, h.ranges.Chunks, 0)
		if odd != nil {
			return c.loseReducers(now, odd, otherBits)
		}
		return c.update(now, reduce.DecodeLooks(data))
	case proto.Gather:
		return c.gathered(now, a)
	}
	return c.updated(now, a)
}

const otherBits = "it computed other bits than a neighbour of the same parameters"

// joined puts together what the owners report, so many bytes for each of the chunks or
// spans that they have, behind what each skips of them. odd are two owners who report
// different bytes, one of which is wrong.
func (h *sharing) joined(a *errand, size int, of func(i int) kernel.Range, skip int) (all []byte, odd []proto.WorkerID) {
	by := map[int]int{}
	for i, report := range a.reports {
		data, r := report.data[skip*h.ranges.Chunks(i).Len():], of(i)
		for k := r.Lo; k < r.Hi; k++ {
			item := data[(k-r.Lo)*size : (k-r.Lo+1)*size]
			if other, there := by[k]; there && !bytes.Equal(all[k*size:(k+1)*size], item) {
				return nil, []proto.WorkerID{h.owners[other].Reducer, h.owners[i].Reducer}
			} else if !there {
				by[k] = i
				all = append(all, make([]byte, max(0, (k+1)*size-len(all)))...)
				copy(all[k*size:], item)
			}
		}
	}
	return all, nil
}

func digests(data []byte) []proto.Digest {
	list := make([]proto.Digest, len(data)/len(proto.Digest{}))
	for i := range list {
		list[i] = proto.Digest(data[i*len(proto.Digest{}):])
	}
	return list
}

// updated takes the update that the owners made.
func (c *core) updated(now plan.Time, a *errand) error {
	h := &c.share
	const size, square = len(proto.Digest{}), 8
	state, odd := h.joined(a, size, h.ranges.Chunks, 0)
	squares, other := h.joined(a, square, h.ranges.Chunks, size)
	odd = append(odd, other...)
	weights, other := h.joined(a, size, func(i int) kernel.Range { return h.ranges.Spans(i, len(h.step.Buffers)) }, size+square)
	if odd = append(odd, other...); odd != nil {
		return c.loseReducers(now, odd, otherBits)
	}
	parts := digests(state)
	if !h.away {
		var err error
		if h.mark, err = c.train.Mark(); err != nil {
			return err
		}
		h.since = nil
	}
	h.away, h.parts, h.asked, h.chosen, h.last = true, parts, nil, nil, a.duty.Round
	h.told = proto.BlobRef{}
	if h.step.Told {
		width := 4
		if h.ranges.Half {
			width = 2
		}
		h.told = proto.BlobRef{Key: a.duty.Update.Key, Size: int64(width * (len(c.train.Model().Params) + len(h.step.Buffers))),
			Digest: proto.Spans(digests(weights)).Digest()}
	}
	applied, err := c.train.ApplyShared(h.sums, h.step, reduce.Parts{State: parts, Squares: reduce.SquaresOf(squares)})
	if err != nil {
		return err
	}
	h.since = append(h.since, applied.Step.Digest)
	if err := c.commit(applied); err != nil {
		return err
	}
	return c.next(now)
}

// remade takes a step that was made before, and reports whether it was.
func (c *core) remade(a trainer.Applied) (bool, error) {
	h := &c.share
	if len(h.again) == 0 || a == (trainer.Applied{}) { // nothing came of it: a gradient that did not fit
		return false, nil
	}
	if a.Step == nil || a.Step.Digest != h.again[0] {
		return true, fmt.Errorf("%w: step %d was made again with another digest than before: a machine computes wrongly: run tinygrow "+
			"doctor on all of them, then continue with tinygrow resume", lead.ErrOtherBits, c.train.Step())
	}
	h.again = h.again[1:]
	return true, nil
}
