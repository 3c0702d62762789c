package proto

import (
	"bytes"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// put is Assembly.Put over a byte a flag: the loop that it equals.
func put(have []bool, c Chunk, size int64) (fresh, ok bool) {
	lo, hi := c.Offset, c.Offset+int64(len(c.Data))
	if c.Size != size || lo < 0 || hi > size {
		return false, false
	}
	n := 0
	for _, h := range have[lo:hi] {
		if h {
			n++
		}
	}
	switch {
	case lo == hi:
		return size == 0, true
	case n == len(c.Data):
		return false, true
	case n > 0:
		return false, false
	}
	for i := lo; i < hi; i++ {
		have[i] = true
	}
	return true, true
}

func TestAssemblyEqualsItsLoop(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		size := rapid.Int64Range(0, 40).Draw(t, "size")
		source := make([]byte, 64)
		for i := range source {
			source[i] = byte(i + 1)
		}
		got, have := make([]byte, size), make([]bool, size)
		a := AssembleBytes(got)
		for range rapid.IntRange(0, 60).Draw(t, "chunks") {
			lo, n := rapid.Int64Range(-1, 42).Draw(t, "offset"), rapid.Int64Range(0, 9).Draw(t, "length")
			c := Chunk{Size: size + rapid.SampledFrom([]int64{0, 0, 0, 1}).Draw(t, "lie"), Offset: lo,
				Data: source[max(lo, 0) : max(lo, 0)+n]}
			fresh, err := a.Put(c)
			if wantFresh, ok := put(have, c, size); fresh != wantFresh || (err == nil) != ok {
				t.Fatalf("[%d,%d): fresh %v, %v; want %v, %v", lo, lo+n, fresh, err, wantFresh, ok)
			}
		}
		missing, filled := int64(0), true
		for i, h := range have {
			if h && got[i] != source[i] || !h && got[i] != 0 {
				t.Fatalf("byte %d is %d", i, got[i])
			}
			if filled = filled && h; filled {
				missing++
			}
		}
		if a.Missing() != missing || a.Done() != filled {
			t.Fatalf("missing %d, done %v; want %d, %v", a.Missing(), a.Done(), missing, filled)
		}
	})
}

func TestAssemblyBoundsItsGaps(t *testing.T) {
	const size = 4 * maxSpans
	a := AssembleBytes(make([]byte, size))
	taken := 0
	for at := int64(1); at < size; at += 2 {
		if fresh, _ := a.Put(Chunk{Size: size, Offset: at, Data: []byte{1}}); fresh {
			taken++
		}
	}
	if taken != maxSpans {
		t.Errorf("%d pieces were taken, want %d", taken, maxSpans)
	}
	// what fills a gap is welcome still
	if fresh, err := a.Put(Chunk{Size: size, Offset: 2, Data: []byte{1}}); !fresh || err != nil {
		t.Errorf("a chunk that fills a gap: %v, %v", fresh, err)
	}
}

// FuzzAssembly puts chunks at any place of a message that claims any size.
func FuzzAssembly(f *testing.F) {
	f.Add([]byte{0, 4, 4, 4, 2, 3, 8, 8})
	f.Add([]byte{255, 255, 0, 16, 16, 0})
	f.Fuzz(func(t *testing.T, script []byte) {
		const size = 64
		s := NewSums(Lengths{F32: 8, F64: 4}) // two vectors of 32 bytes
		if len(script)%4 == 1 {
			s = Sums{F16: make([]uint16, 16), F64: s.F64}
		}
		a := AssembleSums(s)
		flat := make([]byte, size)
		naive := AssembleBytes(flat)
		for ; len(script) >= 2; script = script[2:] {
			c := Chunk{Size: size, Offset: int64(int8(script[0])), Data: bytes.Repeat(script[:1], int(script[1]))}
			fresh, err := a.Put(c)
			if f2, err2 := naive.Put(c); f2 != fresh || (err == nil) != (err2 == nil) {
				t.Fatalf("two memories, two answers: %v %v and %v %v", fresh, err, f2, err2)
			}
		}
		if !bytes.Equal(slices.Concat(Bytes32(s.F32), Bytes16(s.F16), Bytes64(s.F64)), flat) {
			t.Fatal("two memories, two contents")
		}
	})
}
