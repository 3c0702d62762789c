package coordinator

import (
	"math"
	"slices"
	"sync"

	"github.com/tinygrow/tinygrow/coordinator/plausible"
	"github.com/tinygrow/tinygrow/coordinator/reduce"
	"github.com/tinygrow/tinygrow/coordinator/trainer"
	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/tensor/kernel"
	"github.com/tinygrow/tinygrow/tensor/nn"
	"github.com/zeebo/xxh3"
)

// maxAssemblies bounds the partials of one worker that are on their way: a
// worker holds two blocks at most, and one more may be a late one.
const maxAssemblies = 3

// partials puts the chunks of partials together. It is used by the bus's
// goroutine, and told of rounds and workers by the run's.
type partials struct {
	head proto.Head // run, term and start that partials must name

	mu      sync.Mutex
	round   roundInfo
	workers map[proto.WorkerID]*sending
	free    []proto.Sums // sums to use again, of the round's length of float32 values
	allow   allowance
	lately  map[proto.Key]int // dropped for it since recent was called
	dropped Dropped
}

// Dropped counts the messages that were not used.
type Dropped struct {
	Damaged   uint64 `json:"damaged"`   // undecodable, or a wrong checksum
	Stale     uint64 `json:"stale"`     // partials of another run or round
	Foreign   uint64 `json:"foreign"`   // meant for another start of a coordinator
	Inputs    uint64 `json:"inputs"`    // sums that were made from other weights than the round's
	Strangers uint64 `json:"strangers"` // partials of workers that are not members
	Repeated  uint64 `json:"repeated"`  // chunks that were there already
	Unasked   uint64 `json:"unasked"`   // sums over blocks that their sender was not given
	Excess    uint64 `json:"excess"`    // partials that came faster than a key may send
	Wrong     uint64 `json:"wrong"`     // sums that cannot be, whatever the weights
	Doubted   uint64 `json:"doubted"`   // sums that somebody else had to confirm
	// Misdirected were to be answered elsewhere than to their sender.
	Misdirected uint64 `json:"misdirected"`
}

// sending is what a worker may send: the sums over the blocks that it was given
// in this round and that did not come yet. So what is on its way takes no more
// memory than the blocks in hand.
type sending struct {
	asked []proto.Block
	parts []*assembly
	cut   []*cutSums
}

// assembly is one partial on its way.
type assembly struct {
	block proto.Block
	sums  proto.Sums
	parts *proto.Assembly
}

// sent returns the lengths of what travels of a partial.
func (r *roundInfo) sent() proto.Lengths { return r.wire.Sent(r.sums) }

// halves returns the second half of the memory of gradients, into which what travels of them goes where
// it has 16 bits.
func halves(s proto.Sums) []uint16 { return proto.Halves(s.F32)[len(s.F32):] }

// assemble returns an assembly that writes into s, which whole makes what it says.
func (r *roundInfo) assemble(s proto.Sums) *proto.Assembly {
	if r.wire.Half() {
		return proto.AssembleSums(proto.Sums{F16: halves(s), F64: s.F64})
	}
	return proto.AssembleSums(s)
}

// whole unpacks what has travelled.
func (r *roundInfo) whole(s proto.Sums) {
	if r.wire.Half() {
		trainer.Rounding(r.wire).Unpack(s.F32, halves(s))
	}
}

// arrived is a whole partial.
type arrived struct {
	worker proto.WorkerID
	round  proto.Round
	block  proto.Block
	digest uint64
	sums   proto.Sums
	// finding is what a look at the sums led to.
	finding plausible.Finding
}

func newPartials(head proto.Head) *partials {
	return &partials{head: head, workers: map[proto.WorkerID]*sending{}, lately: map[proto.Key]int{},
		allow: allowance{bytes: map[proto.Key]int64{}}}
}

// open starts a round; what is on its way for another is forgotten.
func (p *partials) open(r roundInfo) {
	p.mu.Lock()
	defer p.mu.Unlock()
	same := r.sums.F32 == p.round.sums.F32 // the lengths of float64 values change where statistics ride along
	if !same {
		p.free = nil
	}
	for _, w := range p.workers {
		for _, a := range w.parts {
			if same {
				p.free = append(p.free, a.sums)
			}
		}
		*w = sending{}
	}
	p.round = r
	p.allow.open(int64(r.sent().Size()))
}

// admit and forget change who may send partials.
func (p *partials) admit(w proto.WorkerID) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.workers[w] = new(sending)
}

// expect says that a worker is given a block.
func (p *partials) expect(w proto.WorkerID, b proto.Block) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if s := p.workers[w]; s != nil && !slices.Contains(s.asked, b) {
		s.asked = append(s.asked, b)
		p.allow.ask(w.Key())
	}
}

func (p *partials) forget(w proto.WorkerID) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.workers, w)
}

// release takes memory back.
func (p *partials) release(s proto.Sums) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.keep(s)
}

func (p *partials) keep(s proto.Sums) {
	if len(s.F32) == p.round.sums.F32 {
		p.free = append(p.free, s)
	}
}

// take takes a partial that a worker of this process hands over with key k, and
// gives other memory for it if there is some.
func (p *partials) take(k proto.Key, m *proto.Partial) (whole arrived, ok bool) {
	m.Worker = k.Worker(m.Worker)
	p.mu.Lock()
	switch fits := p.fits(m.Head, m.Worker, m.Round, m.Block, m.Inputs); {
	case !fits:
	case m.Sums.Lengths() != p.round.sums:
		p.dropped.Damaged++
	default:
		ok = true
		p.workers[m.Worker].came(m.Block)
	}
	round, back := p.round, m.Sums
	if ok {
		back = proto.Sums{}
		if n := len(p.free); n > 0 {
			back, p.free = p.free[n-1], p.free[:n-1]
		}
	}
	p.mu.Unlock()
	m.Return(back)
	if !ok {
		return arrived{}, false
	}
	return looked(m.Worker, m.Block, m.Sums, round), true
}

// receive takes a message of the holder of k; whole is set when it completes a partial.
func (p *partials) receive(k proto.Key, data []byte) (whole arrived, ok bool) {
	if !p.takes(k, len(data)) {
		return arrived{}, false
	}
	var m proto.PartialChunk
	err := proto.Decode(data, &m)
	m.Worker = k.Worker(m.Worker)
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case err != nil:
		p.dropped.Damaged++
		return arrived{}, false
	case !p.fits(m.Head, m.Worker, m.Round, m.Block, m.Inputs):
		return arrived{}, false
	}
	w := p.workers[m.Worker]
	var a *assembly
	for _, b := range w.parts {
		if b.block == m.Block {
			a = b
		}
	}
	if a == nil {
		if m.Size != int64(p.round.sent().Size()) {
			p.dropped.Damaged++
			return arrived{}, false
		}
		if len(w.parts) == maxAssemblies {
			p.keep(w.parts[0].sums)
			w.parts = slices.Delete(w.parts, 0, 1)
		}
		s := p.memory()
		a = &assembly{m.Block, s, p.round.assemble(s)}
		w.parts = append(w.parts, a)
	}
	fresh, err := a.parts.Put(m.Chunk)
	switch {
	case err != nil:
		p.dropped.Damaged++
		return arrived{}, false
	case !fresh:
		p.dropped.Repeated++
		return arrived{}, false
	case !a.parts.Done():
		return arrived{}, false
	}
	w.parts = slices.DeleteFunc(w.parts, func(b *assembly) bool { return b == a })
	if p.round.shares != nil {
		c := w.cutOf(a.block, p.round.shares)
		if c.sums.F64 == nil {
			c.sums = a.sums
		}
		return p.join(w, m.Worker, c)
	}
	w.came(a.block)
	p.round.whole(a.sums)
	return looked(m.Worker, m.Block, a.sums, p.round), true
}

// recent returns how many chunks were dropped of each key since it was called last.
func (p *partials) recent() map[proto.Key]int {
	p.mu.Lock()
	defer p.mu.Unlock()
	list := p.lately
	p.lately = map[proto.Key]int{}
	return list
}

// keys returns those of the members.
func (p *partials) keys() []proto.Key {
	p.mu.Lock()
	defer p.mu.Unlock()
	var list []proto.Key
	for w := range p.workers {
		if !slices.Contains(list, w.Key()) {
			list = append(list, w.Key())
		}
	}
	return list
}

// takes reports whether the holder of k may send so many bytes more.
func (p *partials) takes(k proto.Key, n int) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.allow.take(k, int64(n)) {
		p.dropped.Excess++
		if _, known := p.lately[k]; known || len(p.lately) < maxKeys {
			p.lately[k]++
		}
		return false
	}
	return true
}

// cutSums are the sums over a block of which owners have the gradient: the float64
// values, and what the owners tell of their pieces.
type cutSums struct {
	block   proto.Block
	sums    proto.Sums
	digests []uint64
	squares []float64
	have    []bool
}

// cutOf returns what has come of the sums over a block.
func (s *sending) cutOf(b proto.Block, shares *proto.Shares) *cutSums {
	for _, c := range s.cut {
		if c.block == b {
			return c
		}
	}
	n := len(shares.Cuts)
	c := &cutSums{block: b, digests: make([]uint64, n), squares: make([]float64, n), have: make([]bool, n)}
	s.cut = append(s.cut, c)
	return c
}

// join returns the partial once the values are here and the owners have all pieces.
func (p *partials) join(s *sending, w proto.WorkerID, c *cutSums) (arrived, bool) {
	if c.sums.F64 == nil || slices.Contains(c.have, false) {
		return arrived{}, false
	}
	s.cut = slices.DeleteFunc(s.cut, func(o *cutSums) bool { return o == c })
	s.came(c.block)
	norm := 0.0
	for _, q := range c.squares {
		norm += q
	}
	return arrived{w, p.round.number, c.block, reduce.Hash(append(c.digests, digest64(c.sums.F64))), c.sums,
		p.round.known.Look(c.block, c.sums, math.Ldexp(math.Sqrt(norm), -p.round.wire.Exponent))}, true
}

// receipt takes what an owner tells of a piece; whole is set when it completes a partial.
func (p *partials) receipt(from proto.WorkerID, m *proto.Receipt) (whole arrived, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	shares := p.round.shares
	if shares == nil || m.Of.Deal != shares.Deal || int(m.Of.Share) >= len(p.round.owners) || p.round.owners[m.Of.Share] != from {
		p.dropped.Stale++
		return arrived{}, false
	}
	if !p.fits(m.Head, m.Worker, m.Round, m.Block, m.Inputs) {
		return arrived{}, false
	}
	w := p.workers[m.Worker]
	c := w.cutOf(m.Block, shares)
	i := m.Of.Share
	if c.have[i] {
		p.dropped.Repeated++
		return arrived{}, false
	}
	c.have[i], c.digests[i], c.squares[i] = true, m.Digest, m.Squares
	return p.join(w, m.Worker, c)
}

// came says that the sums over a block are whole.
func (s *sending) came(b proto.Block) {
	s.asked = slices.DeleteFunc(s.asked, func(x proto.Block) bool { return x == b })
}

// fits reports whether sums are those that the round waits for, and counts them
// if not. The lock is held.
func (p *partials) fits(h proto.Head, w proto.WorkerID, r proto.Round, b proto.Block, inputs proto.Digest) bool {
	sender, member := p.workers[w]
	switch {
	case h.Run == p.head.Run && !h.Same(p.head):
		p.dropped.Foreign++
	case h.Run != p.head.Run || r != p.round.number || !b.In(p.round.microShards):
		p.dropped.Stale++
	case !member:
		p.dropped.Strangers++
	case inputs != p.round.inputs:
		p.dropped.Inputs++
	case !slices.Contains(sender.asked, b):
		p.dropped.Unasked++
	default:
		return true
	}
	return false
}

// count counts what others dropped.
func (p *partials) count(one func(d *Dropped)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	one(&p.dropped)
}

func (p *partials) memory() proto.Sums {
	if n := len(p.free); n > 0 {
		s := p.free[n-1]
		p.free = p.free[:n-1]
		return s.WithF64(p.round.sums.F64)
	}
	return proto.NewSums(p.round.sums)
}

// dropped returns what was dropped so far, everywhere.
func (s *server) dropped() Dropped {
	d := s.partials.counts()
	d.Excess += s.desk.excess() + s.blobs.excess() + s.files.excess()
	return d
}

// counts returns what was dropped so far.
func (p *partials) counts() Dropped {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.dropped
}

// looked returns a whole partial with its digest and what a look at it found.
func looked(w proto.WorkerID, b proto.Block, s proto.Sums, r roundInfo) arrived {
	digest, norm := digestSums(s)
	return arrived{w, r.number, b, digest, s, r.known.Look(b, s, norm)}
}

// digestSums tells equal partials from unequal ones, and returns the norm of
// their float32 values.
func digestSums(s proto.Sums) (digest uint64, norm float64) {
	parts, total := reduce.Known(s.F32)
	return reduce.Hash(append(parts, digest64(s.F64))), math.Sqrt(total)
}

// digest64 is what float64 values are known by.
func digest64(f64 []float64) uint64 {
	if slices.ContainsFunc(f64, math.IsNaN) {
		f64 = reduce.OneNaN(f64)
	}
	return xxh3.Hash(proto.Bytes64(f64))
}

// adding is how the sums of a round are added.
type adding struct {
	rounding kernel.Rounding
	grain    reduce.Grain
	round    *trainer.Round
	halves   int // where sums tell of the halves of a batch, if round asks for it (nn.GradientSums)
}

// addingOf returns how those of round r are.
func addingOf(r *trainer.Round, t *trainer.Trainer) adding {
	return adding{rounding: trainer.Rounding(r.Wire), grain: t.Grain(), round: r,
		halves: t.Model().Graph.GradientSums().Len() - nn.HalvesLen}
}

// add adds right to left, the children of node, and rounds. Where these are the halves of the batch and the round
// asks for it, it tells the squares of their gradients.
func (a adding) add(node proto.Block, left, right proto.Sums) {
	for i, v := range right.F64 {
		left.F64[i] += v
	}
	if !a.round.Halved(node) {
		reduce.Add(left.F32, right.F32, a.rounding)
		return
	}
	left.F64[a.halves], left.F64[a.halves+1] = a.grain.AddHalves(left.F32, right.F32, a.rounding)
}
