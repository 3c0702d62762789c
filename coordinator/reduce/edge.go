package reduce

import (
	"github.com/tinygrow/tinygrow/proto"
)

// Edge is a message for the owner of a range: what its hull lacks of the sums that this
// owner made, or that this owner lacks the other's. The message is without its Chunk,
// which is Data.
type Edge struct {
	Message proto.Edge
	Data    []byte
}

// exchange is the sum over a hull, of which others send their parts. They may do so before
// this owner has been told to add up.
type exchange struct {
	round proto.Round
	grad  []float32
	parts map[int]*proto.Assembly // by the range that they are of
	came  map[int]bool            // since they were asked for: more may be on its way
}

// open waits for the parts of a round, unless it does so already.
func (x *exchange) open(o *Owner, r proto.Round) {
	if x.round == r && x.parts != nil {
		return
	}
	x.round, x.parts, x.came = r, map[int]*proto.Assembly{}, map[int]bool{}
	for i := range o.owners {
		if part := o.state.Ranges.Shared(i, o.share); i != o.share && part.Lo < part.Hi {
			if x.grad == nil {
				x.grad = make([]float32, len(o.shard.Params))
			}
			x.parts[i] = proto.AssembleBytes(proto.Bytes32(x.grad[part.Lo-o.shard.Lo : part.Hi-o.shard.Lo]))
		}
	}
}

// whole reports whether all parts of the round are there.
func (x *exchange) whole(r proto.Round) bool {
	if x.round != r {
		return false
	}
	for _, p := range x.parts {
		if !p.Done() {
			return false
		}
	}
	return true
}

// fill returns the whole sum, with the owner's own.
func (x *exchange) fill(o *Owner) []float32 {
	if x.grad == nil { // the hull is the range
		return o.sum
	}
	copy(x.grad[o.own().Lo:], o.sum)
	return x.grad
}

// to names a message for the owner of a range.
func (o *Owner) to(share int) proto.Edge {
	return proto.Edge{Head: o.head, Reducer: o.id, Of: o.of(), To: uint32(share), Round: o.round}
}

// edge returns what another owner needs of the sum of the round, if anything.
func (o *Owner) edge(to int) []Edge {
	part := o.state.Ranges.Shared(o.share, to)
	if to == o.share || part.Lo >= part.Hi {
		return nil
	}
	first := o.state.Ranges.Own(o.share).Lo
	return []Edge{{o.to(to), proto.Bytes32(o.sum[part.Lo-first : part.Hi-first])}}
}

// lacks asks for the parts of which nothing came since the last time.
func (o *Owner) lacks() (list []Edge) {
	for i := range o.owners {
		if p := o.near.parts[i]; p != nil && !p.Done() && !o.near.came[i] {
			m := o.to(i)
			m.Lacks = true
			list = append(list, Edge{Message: m})
		}
		delete(o.near.came, i)
	}
	return list
}

// Edge takes what another owner sent, which the coordinator calls by that name.
func (o *Owner) Edge(from proto.WorkerID, m *proto.Edge) Reply {
	share := int(m.Of.Share)
	switch {
	case !m.Same(o.head) || o.shard == nil || m.Of.Deal != o.deal || int(m.To) != o.share || share >= len(o.owners) ||
		o.owners[share].Reducer != from:
		return Reply{}
	case m.Lacks:
		if m.Round != o.round || o.sum == nil {
			return Reply{} // it is sent once it is there
		}
		return Reply{Edges: o.edge(share)}
	case m.Round <= o.updated || m.Round < o.near.round:
		return Reply{}
	}
	o.near.open(o, m.Round)
	p := o.near.parts[share]
	if p == nil {
		return Reply{}
	}
	if fresh, err := p.Put(m.Chunk); err != nil || !fresh {
		return Reply{}
	}
	o.near.came[share] = true
	return o.does()
}

// SendEdge sends an edge in chunks of at most size bytes.
func SendEdge(e Edge, size int, send func(data []byte) error) error {
	m := e.Message
	for from := 0; from < len(e.Data) || from == 0; from += size {
		m.Chunk = proto.ChunkAt(e.Data, int64(from), size)
		if err := proto.Encode(&m, send); err != nil {
			return err
		}
	}
	return nil
}
