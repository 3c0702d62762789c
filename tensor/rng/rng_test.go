package rng

import (
	"math"
	"testing"
)

// Goldens of numpy 1.24: Philox(counter, key).random_raw(4), which raises its
// counter before it draws.
func TestPhiloxEqualsNumpy(t *testing.T) {
	for _, c := range []struct {
		counter, want [4]uint64
		key           [2]uint64
	}{
		{[4]uint64{7, 7, 8, 9}, [4]uint64{0x361f87686a350c74, 0xc0e0f66542a1fc8c, 0xf3ee094838596612, 0x694c187274c24f51},
			[2]uint64{123456789, 987654321}},
		{[4]uint64{1}, [4]uint64{0x4f2f4313b5536b09, 0x5b617be3219ff32a, 0x97293476f9275cb, 0xf63f3bf4962c3942}, [2]uint64{1, 2}},
		{[4]uint64{2}, [4]uint64{0x4dcc60473aa0f43, 0x6d905c9b986b0028, 0x559a6c953d16fe9d, 0xbd24fd1da9945eea}, [2]uint64{1, 2}},
	} {
		if got := philox(c.counter, c.key); got != c.want {
			t.Errorf("philox(%v, %v) = %x, want %x", c.counter, c.key, got, c.want)
		}
	}
	s := Stream{[2]uint64{1, 2}}
	if got, want := s.Uint64(6), uint64(0x97293476f9275cb); got != want {
		t.Errorf("value 6 = %#x, want word 2 of block 1, %#x", got, want)
	}
}

// The first values of a stream never change: they fix sample orders,
// augmentation and initial weights of every recorded run.
func TestStreamGolden(t *testing.T) {
	s := New(1, Key("conv1.weight"))
	for i, want := range goldenWords {
		if got := s.Uint64(uint64(i)); got != want {
			t.Errorf("word %d = %#x, want %#x", i, got, want)
		}
	}
	for i, want := range goldenNormals {
		if got := s.Normal(uint64(i)); got != want {
			t.Errorf("normal %d = %v, want %v", i, got, want)
		}
	}
	perm := s.Perm(len(goldenPerm))
	for i, want := range goldenPerm {
		if perm[i] != want {
			t.Fatalf("perm = %v, want %v", perm, goldenPerm)
		}
	}
}

func TestPermIsThePublishedShuffle(t *testing.T) {
	s := New(3)
	for _, n := range []int{0, 1, 2, 5, 1000} {
		want := make([]uint32, n)
		for i := range want {
			want[i] = uint32(i)
		}
		for i := n - 1; i > 0; i-- {
			j := s.Uintn(uint64(i), uint64(i)+1)
			want[i], want[j] = want[j], want[i]
		}
		got := s.Perm(n)
		seen := make([]bool, n)
		for i := range got {
			if got[i] != want[i] || seen[got[i]] {
				t.Fatalf("perm(%d)[%d] = %d, want %d", n, i, got[i], want[i])
			}
			seen[got[i]] = true
		}
	}
}

func TestKeysDiffer(t *testing.T) {
	seen := map[uint64]bool{}
	for _, s := range []Stream{New(), New(0), New(0, 0), New(1), New(1, 0), New(0, 1), New(Key("a")), New(Key("b"))} {
		v := s.Uint64(0)
		if seen[v] {
			t.Fatalf("two keys share the first value %#x", v)
		}
		seen[v] = true
	}
}

func TestMoments(t *testing.T) {
	s := New(42)
	const n = 1 << 16
	var u, z, zz, z4 float64
	for i := range uint64(n) {
		u += s.Float64(i)
		v := s.Normal(i)
		z += v
		zz += v * v
		z4 += v * v * v * v
		if f := s.Float32(i); f < 0 || f >= 1 {
			t.Fatalf("float32 %d = %v", i, f)
		}
	}
	for name, c := range map[string][3]float64{
		"mean of uniforms": {u / n, 0.5, 0.005}, "mean of normals": {z / n, 0, 0.02},
		"variance of normals": {zz / n, 1, 0.03}, "kurtosis of normals": {z4 / n, 3, 0.15},
	} {
		if math.Abs(c[0]-c[1]) > c[2] {
			t.Errorf("%s = %v, want %v within %v", name, c[0], c[1], c[2])
		}
	}
}

// Quantiles of Python's statistics.NormalDist().inv_cdf.
func TestQuantile(t *testing.T) {
	for p, want := range goldenQuantiles {
		if got := quantile(p); math.Abs(got-want) > 4e-16*math.Abs(want) {
			t.Errorf("quantile(%v) = %v, want %v", p, got, want)
		}
	}
}
