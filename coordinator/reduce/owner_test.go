package reduce_test

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"github.com/tinygrow/tinygrow/coordinator/reduce"
	"github.com/tinygrow/tinygrow/coordinator/trainer"
	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/tensor/kernel"
	"github.com/tinygrow/tinygrow/tensor/optim"
)

// ring is owners of all ranges and what is on its way between them.
type ring struct {
	t       *testing.T
	rand    *rand.Rand
	owners  []*reduce.Owner
	ranges  reduce.Ranges
	wire    proto.Wire
	onWay   []reduce.Edge
	lose    bool // each edge once
	lost    map[string]bool
	asked   int
	reports map[int][]byte
	told    map[int]reduce.Told
}

var start = proto.Head{Run: "r", Term: 1, Start: "s"}

func newRing(t *testing.T, whole *reduce.Shard, ranges reduce.Ranges, wire proto.Wire) *ring {
	r := &ring{t: t, rand: rand.New(rand.NewPCG(uint64(len(ranges.Cuts)), 1)), ranges: ranges, wire: wire, lost: map[string]bool{}, reports: map[int][]byte{},
		told: map[int]reduce.Told{}}
	deal := &proto.Duty{Head: start, Deal: 1, Do: proto.Deal}
	for i := range ranges.Cuts {
		id := proto.WorkerID(fmt.Sprint("r", i))
		r.owners = append(r.owners, reduce.NewOwner(id, proto.Nonce(id), 1<<30))
		r.owners[i].Serves(start)
		deal.Owners = append(deal.Owners, proto.Owner{Reducer: id, Nonce: proto.Nonce(id), State: proto.BlobRef{Key: string(id)}})
	}
	for i, o := range r.owners {
		fetch := o.Duty(deal).Fetch
		state, values := stateOf(whole, ranges, i)
		state.Wire = wire.Format
		data, err := state.Encode(values)
		if err != nil {
			t.Fatal(err)
		}
		reply, err := o.Dealt(*fetch, data)
		if err != nil {
			t.Fatal(err)
		}
		r.take(i, reply)
	}
	return r
}

func (r *ring) take(i int, reply reduce.Reply) {
	r.onWay = append(r.onWay, reply.Edges...)
	if reply.Report != nil {
		r.reports[i] = slices.Clone(reply.Data)
	}
	if reply.Tell != nil {
		r.told[i] = *reply.Tell
	}
}

// settle delivers what is on its way, in any order, in pieces, some twice.
func (r *ring) settle() {
	for len(r.onWay) > 0 {
		k := r.rand.IntN(len(r.onWay))
		e := r.onWay[k]
		r.onWay = slices.Delete(r.onWay, k, k+1)
		name := fmt.Sprint(e.Message.Round, e.Message.Of.Share, e.Message.To)
		if e.Message.Lacks {
			r.asked++
		} else if r.lose && !r.lost[name] {
			r.lost[name] = true
			continue
		}
		if err := reduce.SendEdge(e, 1+r.rand.IntN(1<<18), func(data []byte) error {
			for range 1 + r.rand.IntN(2) {
				m := new(proto.Edge)
				if err := proto.Decode(data, m); err != nil {
					return err
				}
				r.take(int(m.To), r.owners[m.To].Edge(m.Reducer, m))
			}
			return nil
		}); err != nil {
			r.t.Fatal(err)
		}
	}
}

// travelling returns values as they travel.
func (r *ring) travelling(values []float32, exponent int) []byte {
	if !r.wire.Half() {
		return proto.Bytes32(slices.Clone(values))
	}
	halves := make([]uint16, len(values))
	rounding := trainer.Rounding(r.wire)
	rounding.Exponent = exponent
	rounding.Pack(halves, values)
	return proto.Bytes16(halves)
}

// round sends the pieces of one block of sums and a duty that is told until all report.
func (r *ring) round(n proto.Round, grad []float32, duty proto.Duty) {
	clear(r.reports)
	clear(r.told)
	block := proto.Block{Hi: 1}
	duty.Head, duty.Deal, duty.Round, duty.MicroShards = start, 1, n, 1
	duty.Chosen, duty.Exponent = []proto.Chosen{{Block: block, Worker: "w"}}, r.wire.Exponent
	for i, o := range r.owners {
		own := r.ranges.Own(i)
		piece := &proto.Piece{PartialChunk: proto.PartialChunk{Head: start, Worker: "w", Round: n, Block: block,
			Chunk: proto.ChunkAt(r.travelling(grad[own.Lo:own.Hi], r.wire.Exponent), 0, 1<<30)}, Of: proto.Of{Deal: 1, Share: uint32(i)}}
		if o.Piece("w", piece).Receipt == nil {
			r.t.Fatal("a whole piece has no receipt")
		}
	}
	for tries := 0; len(r.reports) < len(r.owners); tries++ {
		if tries > 5 {
			r.t.Fatalf("%d of %d owners report", len(r.reports), len(r.owners))
		}
		for _, i := range r.rand.Perm(len(r.owners)) {
			r.take(i, r.owners[i].Duty(&duty))
		}
		r.settle()
	}
}

// Owners that send each other what their hulls lack make the updates of one process, with
// matrices that are cut, whatever comes late, twice or is lost once and however it travels;
// all of the weights and all spans of their digest are told.
func TestOwnersMakeTheUpdatesOfOneProcess(t *testing.T) {
	wires := []proto.Wire{{}, {Format: proto.BF16}, {Format: proto.FP16, Exponent: 9}, {Format: proto.FP16, Exponent: -12}}
	for k, c := range configs() {
		for i, owners := range []int{1, 2, 5, 16} {
			for _, lose := range []bool{false, true} {
				wire := wires[(i+k)%len(wires)]
				t.Run(fmt.Sprint(c.Name, c.Births, owners, lose, wire), func(t *testing.T) { ofOneProcess(t, c, owners, wire, lose) })
			}
		}
	}
}

func ofOneProcess(t *testing.T, c optim.Config, owners int, wire proto.Wire, lose bool) {
	n, whole := layout().Len(), wholeOf(c)
	r := newRing(t, whole, cutOf(whole, owners, wire.Format), wire)
	r.lose = lose
	for k := range 3 {
		grad, buffers := values(n, 3+k), values(100, k)
		if wire.Half() {
			trainer.Rounding(wire).Round(grad, grad)
			buffers = nil
		}
		step := reduce.Step{Scale: 0.3, LR: 0.05, Average: 0.25}
		round := proto.Round(2*k + 1)
		looks := whole.Look(grad)
		r.round(round, grad, proto.Duty{Do: proto.Sum})
		r.joined(looks.Encode(), reduce.LookSize)
		if got := reduce.DecodeLooks(looks.Encode()); !reflect.DeepEqual(got, looks) ||
			got.Top() != max(slices.Max(grad), -slices.Min(grad)) {
			t.Fatalf("looks %v, largest %v", got, got.Top())
		}
		want := whole.Update(grad, step)
		r.round(round, grad, proto.Duty{Do: proto.Update, Update: proto.UpdateBy{Scale: step.Scale, LR: step.LR,
			Average: step.Average, Key: "w", Tell: true, Buffers: proto.Bytes32(buffers)}})
		r.updated(whole, want, buffers)
		for i := range r.owners {
			m := &proto.Duty{Head: start, Deal: 1, Do: proto.Gather, Round: round, Window: proto.Window{Share: uint32(i), Most: 1 << 30}}
			if got := r.owners[i].Duty(m); !slices.Equal(got.Data, proto.Bytes32(whole.Values(r.ranges.Own(i)))) {
				t.Fatalf("owner %d has other values", i)
			}
		}
	}
	if lose && owners > 1 && r.asked == 0 {
		t.Error("nobody asked for what was lost")
	}
}

// joined checks items of chunks that owners reported, those of a chunk equal, with what
// one process has.
func (r *ring) joined(want []byte, size int) {
	for i := range r.owners {
		c := r.ranges.Chunks(i)
		if !slices.Equal(r.reports[i][:c.Len()*size], want[c.Lo*size:c.Hi*size]) {
			r.t.Fatalf("owner %d reports other bytes of chunks %v", i, c)
		}
	}
}

func (r *ring) updated(whole *reduce.Shard, want reduce.Parts, buffers []float32) {
	var state []byte
	for _, d := range want.State {
		state = append(state, d[:]...)
	}
	const size = len(proto.Digest{})
	r.joined(state, size)
	all := append(r.travelling(whole.Params, 0), proto.Bytes32(buffers)...)
	spans, told := proto.NewSpans(len(all)), make([]byte, 0, len(all))
	for i := range r.owners {
		if r.told[i].Offset != int64(len(told)) || r.told[i].Size != int64(len(all)) {
			r.t.Fatalf("owner %d tells bytes from %d on", i, r.told[i].Offset)
		}
		told = append(told, r.told[i].Data...)
		of := r.ranges.Spans(i, len(buffers))
		c := r.ranges.Chunks(i)
		data := r.reports[i][c.Len()*size:]
		if n := 8 * c.Len(); len(data) < n || !slices.Equal(data[:n], proto.Bytes64(want.Squares[c.Lo:c.Hi])) {
			r.t.Fatalf("owner %d reports other squares of chunks %v", i, c)
		}
		data = data[8*c.Len():]
		if len(data) != of.Len()*size {
			r.t.Fatalf("owner %d reports %d bytes of %d spans", i, len(data), of.Len())
		}
		for k := range of.Len() {
			spans[of.Lo+k] = proto.Digest(data[k*size:])
		}
	}
	if !slices.Equal(told, all) || spans.Digest() != proto.DigestOf(all) {
		r.t.Fatal("other weights are told")
	}
}

// An edge of another deal, round, range or sender changes nothing.
func TestEdgesOfOthersAreDropped(t *testing.T) {
	whole := wholeOf(optim.Default())
	ranges := reduce.Cut{Params: layout().Len(), Owners: 2, Undivided: []kernel.Range{{Lo: 0, Hi: layout().Len()}}}.Ranges()
	r := newRing(t, whole, ranges, proto.Wire{})
	part := ranges.Shared(0, 1)
	good := proto.Edge{Head: start, Reducer: "r0", Of: proto.Of{Deal: 1}, To: 1, Round: 1,
		Chunk: proto.ChunkAt(make([]byte, 4*part.Len()), 0, 1<<30)}
	for name, spoil := range map[string]func(m *proto.Edge) proto.WorkerID{
		"another start":  func(m *proto.Edge) proto.WorkerID { m.Start = "x"; return "r0" },
		"another deal":   func(m *proto.Edge) proto.WorkerID { m.Of.Deal = 2; return "r0" },
		"another owner":  func(m *proto.Edge) proto.WorkerID { m.To = 0; return "r0" },
		"another sender": func(*proto.Edge) proto.WorkerID { return "r1" },
		"a far range":    func(m *proto.Edge) proto.WorkerID { m.Of.Share = 9; return "r0" },
		"its own range":  func(m *proto.Edge) proto.WorkerID { m.Of.Share = 1; return "r1" },
		"another length": func(m *proto.Edge) proto.WorkerID { m.Chunk.Size++; return "r0" },
		"no round":       func(m *proto.Edge) proto.WorkerID { m.Round = 0; return "r0" },
		"asks too early": func(m *proto.Edge) proto.WorkerID { m.Lacks = true; return "r0" },
	} {
		m := good
		from := spoil(&m)
		if reply := r.owners[1].Edge(from, &m); reply.Edges != nil || reply.Report != nil {
			t.Errorf("%s is answered", name)
		}
	}
	grad := values(layout().Len(), 3)
	want := whole.Update(grad, reduce.Step{Scale: 1, LR: 0.1, Average: 1})
	r.round(1, grad, proto.Duty{Do: proto.Update, Update: proto.UpdateBy{Scale: 1, LR: 0.1, Average: 1, Key: "w", Tell: true}})
	r.updated(whole, want, nil)
}
