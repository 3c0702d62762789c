package proto

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

// naive sums leaves [b.Lo, b.Hi) by the definition of the tree.
func naive(leaf func(uint32) Sums, b Block) Sums {
	if b.IsLeaf() {
		return leaf(b.Lo)
	}
	l, r := b.Split()
	s := naive(leaf, l)
	s.Add(naive(leaf, r))
	return s
}

// unevenLeaf has values whose sum depends on the order of addition.
func unevenLeaf(i uint32) Sums {
	s := NewSums(Lengths{F32: 19, F64: 3})
	for j := range s.F32 {
		s.F32[j] = float32(math.Ldexp(1+float64(i*7+uint32(j))/3, int(i*5+uint32(j))%40))
	}
	for j := range s.F64 {
		s.F64[j] = math.Ldexp(1+float64(i)/7, int(i*11+uint32(j))%90)
	}
	return s
}

func TestFoldGivesTheTreesBitsForAnyCutAndOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := rapid.Uint32Range(1, 70).Draw(t, "m")
		var blocks []Block
		var cut func(b Block)
		cut = func(b Block) {
			if b.IsLeaf() || rapid.IntRange(0, 3).Draw(t, "stop") == 0 {
				blocks = append(blocks, b)
				return
			}
			l, r := b.Split()
			cut(l)
			cut(r)
		}
		cut(Root(m))
		f := NewFold(m, func(l, r Sums) Sums { l.Add(r); return l })
		for _, b := range rapid.Permutation(blocks).Draw(t, "order") {
			if _, done := f.Root(); done {
				t.Fatal("done too early")
			}
			if err := f.Put(b, naive(unevenLeaf, b)); err != nil {
				t.Fatal(err)
			}
		}
		got, ok := f.Root()
		want := naive(unevenLeaf, Root(m))
		if !ok || string(Bytes32(got.F32)) != string(Bytes32(want.F32)) || string(Bytes64(got.F64)) != string(Bytes64(want.F64)) {
			t.Fatalf("other bits: %v, want %v", got, want)
		}
	})
}

func TestFoldHoldsLittleInOrder(t *testing.T) {
	const m = 1000
	f := NewFold(m, func(l, r int) int { return l + r })
	most := 0
	for i := range uint32(m) {
		if err := f.Put(Block{i, i + 1}, 1); err != nil {
			t.Fatal(err)
		}
		most = max(most, f.Held())
	}
	if got, ok := f.Root(); !ok || got != m {
		t.Errorf("sum %d, %v", got, ok)
	}
	if most > 10 {
		t.Errorf("held up to %d values, want at most log2 of %d", most, m)
	}
}

func TestFoldRefusesWhatIsNoNodeOrComesTwice(t *testing.T) {
	f := NewFold(6, func(l, r int) int { return l + r })
	if err := f.Put(Block{0, 2}, 1); err != nil {
		t.Fatal(err)
	}
	for _, b := range []Block{{0, 2}, {0, 1}, {0, 4}, {1, 3}, {0, 8}, {3, 3}, {4, 3}} {
		if err := f.Put(b, 1); err == nil {
			t.Errorf("block %v was taken", b)
		}
	}
}

func TestSplitIsAtTheLargestPowerOfTwoBelow(t *testing.T) {
	for _, c := range []struct{ b, left, right Block }{
		{Block{0, 2}, Block{0, 1}, Block{1, 2}},
		{Block{0, 3}, Block{0, 2}, Block{2, 3}},
		{Block{0, 8}, Block{0, 4}, Block{4, 8}},
		{Block{8, 13}, Block{8, 12}, Block{12, 13}},
	} {
		if l, r := c.b.Split(); l != c.left || r != c.right {
			t.Errorf("%v splits into %v and %v, want %v and %v", c.b, l, r, c.left, c.right)
		}
	}
}

func TestCoverCutsTheWholeTreeIntoItsNodes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m, size := rapid.Uint32Range(1, 300).Draw(t, "m"), rapid.Uint32Range(0, 40).Draw(t, "size")
		at := uint32(0)
		for _, b := range Root(m).Cover(size) {
			if b.Lo != at || !b.In(m) || b.Len() > max(size, 1) {
				t.Fatalf("%v after %d in a cover of %d by %d", b, at, m, size)
			}
			at = b.Hi
		}
		if at != m {
			t.Fatalf("the cover ends at %d of %d", at, m)
		}
	})
}

func TestPartialsSurviveChunksInAnyOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := NewSums(Lengths{F32: rapid.IntRange(0, 50).Draw(t, "f32"), F64: rapid.IntRange(0, 50).Draw(t, "f64")})
		for i := range want.F32 {
			want.F32[i] = float32(i) + 0.5
		}
		for i := range want.F64 {
			want.F64[i] = -float64(i) - 0.25
		}
		size := rapid.IntRange(1, 100).Draw(t, "size")
		var wire [][]byte
		head := PartialChunk{Head: head(), Worker: "w", Round: 1, Block: Block{0, 1}}
		if err := SendPartial(head, want, size, func(data []byte) error {
			wire = append(wire, append([]byte(nil), data...))
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		got := NewSums(want.Lengths())
		a := AssembleSums(got)
		for i, data := range rapid.Permutation(append(wire, wire[0])).Draw(t, "order") { // one comes twice
			if a.Done() && want.Size() > 0 && i < len(wire)-1 {
				t.Fatal("done too early")
			}
			var m PartialChunk
			if err := Decode(data, &m); err != nil {
				t.Fatal(err)
			}
			if _, err := a.Put(m.Chunk); err != nil {
				t.Fatal(err)
			}
		}
		if !a.Done() || string(Bytes32(got.F32)) != string(Bytes32(want.F32)) || string(Bytes64(got.F64)) != string(Bytes64(want.F64)) {
			t.Fatalf("got %v, want %v", got, want)
		}
	})
}

func TestAssemblyRefusesWhatDoesNotFit(t *testing.T) {
	a := AssembleBytes(make([]byte, 10))
	if _, err := a.Put(Chunk{Size: 10, Offset: 0, Data: make([]byte, 4)}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []Chunk{
		{Size: 11, Offset: 4, Data: make([]byte, 4)},
		{Size: 10, Offset: 8, Data: make([]byte, 4)},
		{Size: 10, Offset: 2, Data: make([]byte, 4)},
		{Size: 10, Offset: -1, Data: make([]byte, 1)},
	} {
		if _, err := a.Put(c); err == nil {
			t.Errorf("%+v was taken", c)
		}
	}
	if a.Missing() != 4 || a.Done() {
		t.Errorf("missing %d, done %v", a.Missing(), a.Done())
	}
}

func BenchmarkSumsAdd(b *testing.B) {
	x, y := NewSums(Lengths{F32: 1 << 20, F64: 0}), NewSums(Lengths{F32: 1 << 20, F64: 0})
	b.SetBytes(int64(x.Size()))
	for b.Loop() {
		x.Add(y)
	}
}

func BenchmarkPartialOnTheWire(b *testing.B) {
	s := NewSums(Lengths{F32: 1_850_000, F64: 100})
	got := NewSums(Lengths{F32: 1_850_000, F64: 100})
	m := PartialChunk{Head: head(), Worker: "w", Round: 1, Block: Block{0, 1}}
	b.SetBytes(int64(s.Size()))
	b.ReportAllocs()
	for b.Loop() {
		a := AssembleSums(got)
		if err := SendPartial(m, s, MaxChunk, func(data []byte) error {
			var c PartialChunk
			if err := Decode(data, &c); err != nil {
				return err
			}
			_, err := a.Put(c.Chunk)
			return err
		}); err != nil {
			b.Fatal(err)
		}
	}
}
