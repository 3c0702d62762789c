package coordinator

import (
	"encoding/binary"
	"math"
	"slices"
	"sync"

	"github.com/tinygrow/tinygrow/coordinator/plausible"
	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/tensor"
	"github.com/tinygrow/tinygrow/tensor/kernel"
	"github.com/tinygrow/tinygrow/tensor/parallel"
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
}

// assembly is one partial on its way.
type assembly struct {
	block proto.Block
	sums  proto.Sums
	parts *proto.Assembly
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
	p.allow.open(int64(r.sums.Size()))
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
		if m.Size != int64(p.round.sums.Size()) {
			p.dropped.Damaged++
			return arrived{}, false
		}
		if len(w.parts) == maxAssemblies {
			p.keep(w.parts[0].sums)
			w.parts = slices.Delete(w.parts, 0, 1)
		}
		s := p.memory()
		a = &assembly{m.Block, s, proto.AssembleSums(s)}
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
	w.came(a.block)
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

// span is the number of values that one goroutine hashes or adds at a time.
const span = 1 << 16

// digestSums tells equal partials from unequal ones, and returns the norm of
// their float32 values. Long ones are read by several goroutines. Values that are
// no numbers are all the same: processors write them differently.
func digestSums(s proto.Sums) (digest uint64, norm float64) {
	spans := (len(s.F32) + span - 1) / span
	parts, total := make([]uint64, spans+1), make([]float64, spans)
	parallel.Each(spans, func(i int) {
		part := s.F32[i*span : min((i+1)*span, len(s.F32))]
		if total[i] = squares(part); math.IsNaN(total[i]) {
			part = oneNaN(part)
		}
		parts[i] = xxh3.Hash(proto.Bytes32(part))
	})
	f64 := s.F64
	if slices.ContainsFunc(f64, math.IsNaN) {
		f64 = oneNaN(f64)
	}
	parts[spans] = xxh3.Hash(proto.Bytes64(f64))
	var all []byte
	for _, part := range parts {
		all = binary.LittleEndian.AppendUint64(all, part)
	}
	for _, t := range total {
		norm += t
	}
	return xxh3.Hash(all), math.Sqrt(norm)
}

// squares returns the sum of the squares of some values, by the kernel of batch
// normalisation, which keeps 128 sums. It is no number if one of them is none.
func squares(v []float32) (total float64) {
	const channels = 4
	var k [channels * kernel.NormCoefs]float32
	var sums, q [channels * tensor.Lanes]float32
	whole := len(v) / len(q) * len(q)
	if whole > 0 {
		kernel.Moments(sums[:], q[:], v[:whole], k[:])
	}
	for _, x := range q {
		total += float64(x)
	}
	for _, x := range v[whole:] {
		total += float64(float64(x) * float64(x))
	}
	return total
}

// oneNaN returns a copy in which all that are no numbers are the same.
func oneNaN[T float32 | float64](v []T) []T {
	v = slices.Clone(v)
	for i, x := range v {
		if x != x {
			v[i] = T(math.NaN())
		}
	}
	return v
}

// addSums adds right to left, long ones by several goroutines: each value is
// added by one of them, so the bits do not depend on how many there are.
func addSums(left, right proto.Sums) {
	parallel.Each((len(left.F32)+span-1)/span, func(i int) {
		lo, hi := i*span, min((i+1)*span, len(left.F32))
		kernel.Add(left.F32[lo:hi], left.F32[lo:hi], right.F32[lo:hi])
	})
	for i, v := range right.F64 {
		left.F64[i] += v
	}
}
