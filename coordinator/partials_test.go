package coordinator

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"go.uber.org/goleak"

	"github.com/tinygrow/tinygrow/coordinator/trainer"
	"github.com/tinygrow/tinygrow/proto"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func digestOf(s proto.Sums) uint64 {
	digest, _ := digestSums(s)
	return digest
}

// chunksOf returns the messages of a partial.
func chunksOf(t *testing.T, m proto.PartialChunk, s proto.Sums, size int) [][]byte {
	var out [][]byte
	err := proto.SendPartial(m, s, size, func(data []byte) error {
		out = append(out, slices.Clone(data))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// What travels in 16 bits is unpacked once it is whole, in its own memory.
func TestPartialsThatTravelInHalves(t *testing.T) {
	for _, wire := range []proto.Wire{{Format: proto.FP16, Exponent: 3}, {Format: proto.BF16}} {
		head := proto.Head{Run: "r", Term: 3, Start: "s"}
		round := roundInfo{number: 7, microShards: 8, sums: proto.Lengths{F32: 101, F64: 2}, wire: wire}
		p := newPartials(head)
		p.open(round)
		p.admit("a")
		want := proto.NewSums(round.sums)
		for i := range want.F32 {
			want.F32[i] = float32(i-50) / 4
		}
		want.F64[0], want.F64[1] = math.Pi, -1
		sent := proto.Sums{F16: make([]uint16, len(want.F32)), F64: want.F64}
		trainer.Rounding(wire).Pack(sent.F16, want.F32)
		m := proto.PartialChunk{Head: head, Worker: "a", Round: 7, Block: proto.Block{Lo: 0, Hi: 4}}
		for range 2 { // the second one in the memory of the first
			p.expect("a", m.Block)
			chunks := chunksOf(t, m, sent, 40)
			if len(chunks) != (2*101+2*8+39)/40 {
				t.Fatalf("%d chunks", len(chunks))
			}
			for i := len(chunks) - 1; i >= 0; i-- {
				if got, ok := p.receive(proto.Anybody, chunks[i]); ok != (i == 0) {
					t.Fatalf("chunk %d: whole %v", i, ok)
				} else if ok {
					if !slices.Equal(got.sums.F32, want.F32) || !slices.Equal(got.sums.F64, want.F64) || got.digest != digestOf(want) {
						t.Errorf("%+v: got %v", wire, got.sums)
					}
					p.release(got.sums)
				}
			}
		}
		p.expect("a", m.Block)
		for _, c := range chunksOf(t, m, want, 40) { // the size of float32
			if _, ok := p.receive(proto.Anybody, c); ok {
				t.Error("sums of another format were taken")
			}
		}
	}
}

func TestPartials(t *testing.T) {
	head := proto.Head{Run: "r", Term: 3, Start: "s"}
	inputs := proto.DigestOf([]byte("weights"))
	p := newPartials(head)
	p.open(roundInfo{number: 7, microShards: 8, sums: proto.Lengths{F32: 5, F64: 2}, inputs: inputs})
	p.admit("a")
	p.expect("a", proto.Block{Lo: 0, Hi: 4})
	sums := proto.Sums{F32: []float32{1, 2, 3, 4, 5}, F64: []float64{6, 7}}
	m := proto.PartialChunk{Head: head, Worker: "a", Round: 7, Block: proto.Block{Lo: 0, Hi: 4}, Inputs: inputs}

	// Chunks in any order, some twice.
	chunks := chunksOf(t, m, sums, 8)
	if len(chunks) != 5 {
		t.Fatalf("%d chunks", len(chunks))
	}
	for i := len(chunks) - 1; i >= 0; i-- {
		got, ok := p.receive(proto.Anybody, chunks[i])
		if ok != (i == 0) {
			t.Fatalf("chunk %d: whole %v", i, ok)
		}
		if ok && (!slices.Equal(got.sums.F32, sums.F32) || !slices.Equal(got.sums.F64, sums.F64) || got.digest != digestOf(sums) ||
			got.worker != "a") {
			t.Errorf("got %+v", got)
		}
		if i == 2 {
			if _, ok := p.receive(proto.Anybody, chunks[i]); ok || p.counts().Repeated != 1 {
				t.Errorf("a repeated chunk: %+v", p.counts())
			}
		}
	}

	other := func(change func(m *proto.PartialChunk)) []byte {
		x := m
		change(&x)
		return chunksOf(t, x, sums, 64)[0]
	}
	p.expect("a", m.Block) // again
	for name, c := range map[string]struct {
		data []byte
		want Dropped
	}{
		"another run":     {other(func(m *proto.PartialChunk) { m.Run = "s" }), Dropped{Stale: 1}},
		"an older term":   {other(func(m *proto.PartialChunk) { m.Term = 2 }), Dropped{Foreign: 1}},
		"another start":   {other(func(m *proto.PartialChunk) { m.Start = "t" }), Dropped{Foreign: 1}},
		"no start":        {other(func(m *proto.PartialChunk) { m.Start = "" }), Dropped{Foreign: 1}},
		"other weights":   {other(func(m *proto.PartialChunk) { m.Inputs[3] ^= 1 }), Dropped{Inputs: 1}},
		"an older round":  {other(func(m *proto.PartialChunk) { m.Round = 6 }), Dropped{Stale: 1}},
		"no node":         {other(func(m *proto.PartialChunk) { m.Block.Hi = 3 }), Dropped{Stale: 1}},
		"a stranger":      {other(func(m *proto.PartialChunk) { m.Worker = "b" }), Dropped{Strangers: 1}},
		"a flipped bit":   {func() []byte { d := slices.Clone(chunks[1]); d[len(d)-2] ^= 4; return d }(), Dropped{Damaged: 1}},
		"cut":             {chunks[1][:len(chunks[1])-3], Dropped{Damaged: 1}},
		"nothing":         {nil, Dropped{Damaged: 1}},
		"not asked":       {other(func(m *proto.PartialChunk) { m.Block.Lo = 4; m.Block.Hi = 8 }), Dropped{Unasked: 1}},
		"of other length": {chunksOf(t, m, proto.NewSums(proto.Lengths{F32: 4, F64: 2}), 64)[0], Dropped{Damaged: 1}},
	} {
		p.dropped = Dropped{}
		if _, ok := p.receive(proto.Anybody, c.data); ok || p.counts() != c.want {
			t.Errorf("%s: dropped %+v, want %+v", name, p.counts(), c.want)
		}
	}
}

// Two hundred members begin partials of every block: what was not asked of them takes no memory.
func TestUnaskedPartialsTakeNoMemory(t *testing.T) {
	p := newPartials(proto.Head{Run: "r", Term: 1})
	p.open(roundInfo{number: 1, microShards: 64, sums: proto.Lengths{F32: 100, F64: 3}})
	kept := 0
	for w := range 200 {
		id := proto.WorkerID(fmt.Sprint("w", w))
		p.admit(id)
		if w == 0 {
			p.expect(id, proto.Block{Lo: 0, Hi: 1})
		}
		for i := range uint32(3) {
			m := proto.PartialChunk{Head: p.head, Worker: id, Round: 1, Block: proto.Block{Lo: i, Hi: i + 1}}
			p.receive(proto.Anybody, chunksOf(t, m, proto.NewSums(proto.Lengths{F32: 100, F64: 3}), 64)[0])
		}
		kept += len(p.workers[id].parts)
	}
	if kept != 1 {
		t.Errorf("%d partials are on their way, 1 was asked for", kept)
	}
}

// Chunks that nobody asked for are dropped before they are decoded, once there
// are more of them than mishaps explain; what was asked for is taken all the same.
func TestAFloodOfChunksIsNotDecoded(t *testing.T) {
	p := newPartials(proto.Head{Run: "r", Term: 1})
	p.open(roundInfo{number: 2, microShards: 8, sums: proto.Lengths{F32: 1 << 16, F64: 3}})
	sums := proto.NewSums(proto.Lengths{F32: 1 << 16, F64: 3})
	stale := proto.PartialChunk{Head: p.head, Worker: "w", Round: 1, Block: proto.Block{Lo: 0, Hi: 1}}
	old := chunksOf(t, stale, sums, proto.MaxChunk)[0]
	for _, k := range []proto.Key{"flood", "calm"} {
		p.admit(k.Worker("w"))
		p.expect(k.Worker("w"), stale.Block)
	}
	for range 1000 {
		p.receive("flood", old)
		p.receive("stranger", old)
	}
	if c := p.counts(); c.Stale > 20 || c.Excess < 1900 {
		t.Errorf("%+v", c)
	}
	fresh := stale
	fresh.Round = 2
	if _, ok := p.receive("calm", chunksOf(t, fresh, sums, proto.MaxChunk)[0]); !ok {
		t.Error("what was asked for is not taken")
	}
	p.open(roundInfo{number: 3, microShards: 8, sums: proto.Lengths{F32: 1 << 16, F64: 3}})
	p.expect("flood.w", stale.Block)
	fresh.Round = 3
	if _, ok := p.receive("flood", chunksOf(t, fresh, sums, proto.MaxChunk)[0]); !ok {
		t.Error("who flooded before may not send what it is asked for")
	}
}

// A worker cannot make the coordinator keep more than a few partials.
func TestPartialsAreBounded(t *testing.T) {
	p := newPartials(proto.Head{Run: "r", Term: 1})
	p.open(roundInfo{number: 1, microShards: 64, sums: proto.Lengths{F32: 100, F64: 3}})
	p.admit("a")
	for i := range uint32(64) {
		m := proto.PartialChunk{Head: proto.Head{Run: "r", Term: 1}, Worker: "a", Round: 1, Block: proto.Block{Lo: i, Hi: i + 1}}
		p.expect("a", m.Block)
		p.receive(proto.Anybody, chunksOf(t, m, proto.NewSums(proto.Lengths{F32: 100, F64: 3}), 64)[0])
	}
	if n := len(p.workers["a"].parts); n != maxAssemblies {
		t.Errorf("%d partials on their way", n)
	}
	if n := len(p.free); n > 1 {
		t.Errorf("%d sums are kept", n)
	}
	p.open(roundInfo{number: 2, microShards: 64, sums: proto.Lengths{F32: 50, F64: 3}})
	if len(p.workers["a"].parts) != 0 || len(p.free) != 0 {
		t.Error("memory of another length is kept")
	}
}

// No message makes the coordinator fall over or keep what it should not.
func FuzzReceive(f *testing.F) {
	m := proto.PartialChunk{Head: proto.Head{Run: "r", Term: 1}, Worker: "a", Round: 1, Block: proto.Block{Lo: 0, Hi: 2}}
	err := proto.SendPartial(m, proto.NewSums(proto.Lengths{F32: 5, F64: 3}), 16, func(data []byte) error {
		f.Add(slices.Clone(data))
		return nil
	})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		p := newPartials(proto.Head{Run: "r", Term: 1})
		p.open(roundInfo{number: 1, microShards: 4, sums: proto.Lengths{F32: 5, F64: 3}})
		p.admit("a")
		p.expect("a", proto.Block{Lo: 0, Hi: 2})
		for range 2 {
			if whole, ok := p.receive(proto.Anybody, data); ok && (len(whole.sums.F32) != 5 || len(whole.sums.F64) != 3 ||
				!whole.block.In(4) || whole.worker != "a") {
				t.Errorf("took %+v", whole)
			}
		}
		if len(p.workers) != 1 || len(p.workers["a"].parts) > 1 {
			t.Error("keeps too much")
		}
	})
}
