package reduce

import (
	"fmt"
	"math"
	"slices"

	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/tensor/kernel"
)

// Owner owns a range for a start of a coordinator: it adds up the range's gradients, and
// updates the range's hull. It has no clock and no network: what
// is to be said it returns. It does what is asked of it once, and tells what came of it
// as often as it is asked.
type Owner struct {
	id    proto.WorkerID
	nonce proto.Nonce
	head  proto.Head

	deal   uint64        // the newest that it knows
	owners []proto.Owner // of its ranges
	share  int           // the range that it owns in it; -1: none
	fetch  proto.BlobRef
	state  State
	shard  *Shard // of the hull; nil: it is not there yet
	held   pieces

	round  proto.Round // being summed
	chosen map[proto.Block]proto.WorkerID
	sum    []float32   // of round, over the range; nil: not yet
	wanted *proto.Duty // what is to be done once the sum over the hull is there
	near   exchange

	updated proto.Round // the last round whose update was made
	report  []byte      // of it
	told    Told        // the weights behind it
	values  []float32   // the state behind it, for who gathers it; nil: not asked for yet
}

// Told is a part of the weights as workers get it: Data begin at byte Offset of Size.
type Told struct {
	Key    string
	Offset int64
	Size   int64
	Data   []byte
}

// Reply is what an owner wants said or done.
type Reply struct {
	Fetch   *proto.BlobRef // get this, then call Dealt
	Receipt *proto.Receipt
	Edges   []Edge
	Report  *proto.Report // without its Chunk, which is Data, from byte From on of Total
	Data    []byte
	From    int64
	Total   int64
	Tell    *Told // broadcast this
}

// NewOwner returns an owner of nothing that holds pieces of so many bytes at most.
func NewOwner(id proto.WorkerID, nonce proto.Nonce, most int64) *Owner {
	return &Owner{id: id, nonce: nonce, share: -1, held: pieces{most: most}}
}

// Serves makes the owner one for the start of a coordinator that admitted it.
func (o *Owner) Serves(head proto.Head) {
	*o = Owner{id: o.id, nonce: o.nonce, head: head, share: -1, held: pieces{most: o.held.most}}
}

// Share returns the range whose pieces are to be sent here, -1 for none.
func (o *Owner) Share() int { return o.share }

// of names the range.
func (o *Owner) of() proto.Of { return proto.Of{Deal: o.deal, Share: uint32(max(o.share, 0))} }

// Dealt takes the state of the range that was to be fetched from a reference.
func (o *Owner) Dealt(ref proto.BlobRef, data []byte) (Reply, error) {
	if ref != o.fetch || o.shard != nil || o.share < 0 {
		return Reply{}, nil // there is another deal
	}
	state, values, err := decode(data)
	if err != nil {
		return Reply{}, err
	}
	if state.Share != o.share || len(state.Ranges.Cuts) != len(o.owners) {
		return Reply{}, fmt.Errorf("%w: range %d of %d in place of %d of %d", ErrState, state.Share, len(state.Ranges.Cuts), o.share,
			len(o.owners))
	}
	shard, err := NewShard(state, values)
	if err != nil {
		return Reply{}, err
	}
	o.state, o.shard = state, shard
	o.held.open(state.Ranges.Own(o.share).Len(), state.rounding())
	return o.dealt(), nil
}

// own returns the range within the hull.
func (o *Owner) own() kernel.Range {
	own, first := o.state.Ranges.Own(o.share), o.shard.Lo
	return kernel.Range{Lo: own.Lo - first, Hi: own.Hi - first}
}

// dealt reports that the range is here.
func (o *Owner) dealt() Reply { return o.says(proto.Deal, 0, join(o.shard.Parts().State)) }

// says is a whole report.
func (o *Owner) says(do proto.Do, r proto.Round, data []byte) Reply {
	return Reply{Report: &proto.Report{Head: o.head, Reducer: o.id, Of: o.of(), Do: do, Round: r}, Data: data, Total: int64(len(data))}
}

// Duty does what the coordinator asks for. What is stale, or of another start, is nothing.
func (o *Owner) Duty(d *proto.Duty) Reply {
	switch {
	case !d.Same(o.head) || d.Deal < o.deal:
		return Reply{}
	case d.Do == proto.Deal:
		return o.take(d)
	case d.Deal != o.deal || o.shard == nil:
		return Reply{}
	case d.Do == proto.Gather:
		return o.gather(d)
	case d.Round == o.updated && d.Do == proto.Update:
		return o.says(proto.Update, d.Round, o.report)
	case d.Round <= o.updated:
		return Reply{}
	}
	return o.work(d)
}

// take makes the range of a deal this owner's, if it gets one.
func (o *Owner) take(d *proto.Duty) Reply {
	mine := slices.IndexFunc(d.Owners, func(w proto.Owner) bool { return w.Nonce == o.nonce })
	if d.Deal == o.deal {
		switch {
		case mine < 0:
		case o.shard == nil:
			return Reply{Fetch: &o.fetch}
		case o.updated == 0:
			return o.dealt()
		}
		return Reply{}
	}
	o.Serves(o.head)
	o.deal, o.share, o.owners = d.Deal, mine, d.Owners
	if mine < 0 {
		return Reply{}
	}
	o.fetch = d.Owners[mine].State
	return Reply{Fetch: &o.fetch}
}

// work adds up, exchanges what neighbours need, and does what is asked for once the sum
// over the hull is there. Who is asked again has not heard of some neighbours, perhaps.
func (o *Owner) work(d *proto.Duty) (r Reply) {
	if d.Round != o.round {
		if o.sum != nil {
			o.held.free(o.sum)
		}
		o.held.drop(d.Round - 1)
		o.round, o.chosen, o.sum, o.wanted = d.Round, map[proto.Block]proto.WorkerID{}, nil, nil
	}
	if o.wanted == nil || d.Do == proto.Update {
		o.wanted = d
	}
	if o.sum != nil {
		if r = o.does(); o.wanted != nil {
			r.Edges = o.lacks()
		}
		return r
	}
	if !o.add(d) {
		return Reply{}
	}
	o.near.open(o, d.Round)
	r = o.does()
	for i := range o.owners {
		r.Edges = append(r.Edges, o.edge(i)...)
	}
	return r
}

// add adds the pieces that count, once they are all named. It reports whether the sum is there.
func (o *Owner) add(d *proto.Duty) bool {
	var named uint32
	for _, c := range d.Chosen {
		o.chosen[c.Block] = c.Worker
	}
	for b := range o.chosen {
		named += b.Len()
	}
	if named != d.MicroShards || named == 0 {
		return false
	}
	for b, w := range o.chosen {
		if o.held.whole(pieceKey{d.Round, b, w, d.Inputs}) == nil {
			return false // it was let go: the coordinator will find that this owner is of no use
		}
	}
	fold := proto.NewFold(d.MicroShards, func(left, right []float32) []float32 {
		Add(left, right, o.held.wire)
		o.held.free(right)
		return left
	})
	for b, w := range o.chosen {
		if fold.Put(b, o.held.take(pieceKey{d.Round, b, w, d.Inputs})) != nil {
			return false
		}
	}
	if o.sum, _ = fold.Root(); d.Exponent != 0 {
		scale := float32(math.Ldexp(1, -d.Exponent)) // a power of two: nothing is rounded
		for i, v := range o.sum {
			o.sum[i] = float32(v * scale)
		}
	}
	return o.sum != nil
}

// does what is wanted, if the sum over the hull is there.
func (o *Owner) does() Reply {
	d := o.wanted
	if d == nil || o.sum == nil || d.Round != o.round || !o.near.whole(o.round) {
		return Reply{}
	}
	o.wanted = nil
	grad := o.near.fill(o)
	if d.Do == proto.Sum {
		return o.says(proto.Sum, d.Round, o.shard.Look(grad).Encode())
	}
	return o.update(d, grad)
}

// update makes the update of the round that is summed.
func (o *Owner) update(d *proto.Duty, grad []float32) Reply {
	parts, own, all := o.shard.Update(grad, Step{d.Update.Scale, d.Update.LR, d.Update.Average}), o.own(), o.state.Ranges.Params
	o.chosen, o.values = nil, nil
	o.held.drop(d.Round)
	data := o.travelling(own)
	width := int64(len(data) / own.Len())
	if o.shard.Lo+own.Hi == all {
		data = append(data, d.Update.Buffers...)
	}
	o.told = Told{d.Update.Key, width * int64(o.shard.Lo+own.Lo), width*int64(all) + int64(len(d.Update.Buffers)), data}
	o.updated, o.report = d.Round, append(append(join(parts.State), proto.Bytes64(parts.Squares)...),
		join(o.spans(parts.Params, d.Update.Buffers))...)
	r := o.says(proto.Update, d.Round, o.report)
	if d.Update.Tell {
		r.Tell = &o.told
	}
	return r
}

// travelling returns parameters of the hull as they travel, a copy.
func (o *Owner) travelling(r kernel.Range) []byte {
	values := o.shard.Params[r.Lo:r.Hi]
	if !o.held.half() {
		return proto.Bytes32(slices.Clone(values))
	}
	halves := make([]uint16, len(values))
	o.held.wire.Pack(halves, values)
	return proto.Bytes16(halves)
}

// spans returns what the spans of the weights are known by that this owner reports of. known
// are those of its chunks in float32.
func (o *Owner) spans(known proto.Spans, buffers []byte) proto.Spans {
	r := &o.state.Ranges
	of, g, there := r.Spans(o.share, len(buffers)/4), int(r.span()), 0
	if !r.Half {
		there = of.Len()
	}
	if len(buffers) > 0 { // the span in which the parameters end has some of them
		there = max(0, min(there, r.Params/g-of.Lo))
	}
	spans := slices.Clone(known[:there])
	if there == of.Len() {
		return spans
	}
	lo, hi := (of.Lo+there)*g, min(of.Hi*g, r.Params)
	data, size := o.travelling(kernel.Range{Lo: lo - o.shard.Lo, Hi: hi - o.shard.Lo}), 4*int(r.Grain)
	if hi == r.Params {
		data = append(data, buffers...)
	}
	for from := 0; from < len(data); from += size {
		spans = append(spans, proto.HashSpan(data[from:min(from+size, len(data))]))
	}
	return spans
}

// gather sends a window of the state behind the last update.
func (o *Owner) gather(d *proto.Duty) Reply {
	w := d.Window
	if int(w.Share) != o.share || d.Round != o.updated {
		return Reply{}
	}
	if o.values == nil {
		o.values = o.shard.Values(o.own())
	}
	data := proto.Bytes32(o.values)
	from := min(w.From, int64(len(data)))
	r := o.says(proto.Gather, d.Round, data[from:min(from+w.Most, int64(len(data)))])
	r.From, r.Total = from, int64(len(data))
	return r
}

// Blob returns the piece of the weights that a worker asks for, if it is this owner's.
func (o *Owner) Blob(m *proto.BlobRequest, size int) (proto.BlobChunk, bool) {
	at := m.Offset - o.told.Offset
	if !m.Same(o.head) || o.updated == 0 || m.Key != o.told.Key || at < 0 || at >= int64(len(o.told.Data)) {
		return proto.BlobChunk{}, false
	}
	return proto.BlobChunk{Head: o.head, Key: m.Key, Chunk: proto.Chunk{Size: o.told.Size, Offset: m.Offset,
		Data: o.told.Data[at:min(at+int64(size), int64(len(o.told.Data)))]}}, true
}

// Piece takes a part of a piece that a worker sent, which the coordinator calls by that name.
func (o *Owner) Piece(w proto.WorkerID, m *proto.Piece) Reply {
	if !m.Same(o.head) || o.shard == nil || m.Of != o.of() || m.Round <= o.updated {
		return Reply{}
	}
	k := pieceKey{m.Round, m.Block, w, m.Inputs}
	p := o.held.put(k, m.Chunk)
	if p == nil {
		return Reply{}
	}
	return Reply{Receipt: &proto.Receipt{Head: o.head, Reducer: o.id, Of: o.of(), Worker: w, Round: m.Round, Block: m.Block,
		Inputs: m.Inputs, Digest: p.digest, Squares: p.squares}}
}
