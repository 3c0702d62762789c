package dataset

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"math"
	"os"
	"slices"
	"testing"

	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/tensor"
	"github.com/tinygrow/tinygrow/tensor/nn"
	"github.com/tinygrow/tinygrow/tensor/rng"
)

// Operations are Pillow's, to the byte.
func TestOperationsAreThoseOfPillow(t *testing.T) {
	text, err := os.ReadFile("testdata/pillow_augment.json")
	if err != nil {
		t.Fatal(err)
	}
	var golden struct {
		Width, Height int
		Pictures      map[string]string
		Cases         []struct {
			Picture, Operation, Want string
			Args                     []float64
		}
	}
	if err := json.Unmarshal(text, &golden); err != nil {
		t.Fatal(err)
	}
	r := &recolourer{h: golden.Height, w: golden.Width, c: 3}
	planar := func(text string) []byte {
		raw, _ := hex.DecodeString(text)
		out := make([]byte, len(raw))
		for i, v := range raw {
			out[i%3*len(raw)/3+i/3] = v
		}
		return out
	}
	if len(golden.Cases) < 100 {
		t.Fatalf("%d cases", len(golden.Cases))
	}
	for _, c := range golden.Cases {
		got, want, a := planar(golden.Pictures[c.Picture]), planar(c.Want), c.Args
		switch c.Operation {
		case "brightness":
			r.brightness(got, float32(a[0]))
		case "contrast":
			r.contrast(got, float32(a[0]))
		case "saturation":
			r.saturation(got, float32(a[0]))
		case "sharpness":
			r.sharpness(got, float32(a[0]))
		case "autocontrast":
			r.autocontrast(got)
		case "equalize":
			r.equalize(got)
		case "posterize":
			r.posterize(got, int(a[0]))
		case "solarize":
			r.solarize(got, int(a[0]))
		case "affine":
			r.affine(got, affineOf(a[0], a[1], a[2], a[3]), a[4], a[5])
		default:
			t.Fatal(c.Operation)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s %v: %d of %d bytes differ", c.Operation, a, differing(got, want), len(got))
		}
	}
}

func differing(a, b []byte) (n int) {
	for i := range a {
		if a[i] != b[i] {
			n++
		}
	}
	return n
}

// hsv is the textbook's turn of the hue, in floating point.
func hsv(red, green, blue byte, turn float64) [3]float64 {
	r, g, b := float64(red), float64(green), float64(blue)
	most, least := max(r, g, b), min(r, g, b)
	if most == least {
		return [3]float64{r, g, b}
	}
	var h float64
	switch most {
	case r:
		h = (g - b) / (most - least)
	case g:
		h = 2 + (b-r)/(most-least)
	default:
		h = 4 + (r-g)/(most-least)
	}
	h = math.Mod(h+6*turn+12, 6)
	f := func(n float64) float64 {
		k := math.Mod(n+h, 6)
		return most - (most-least)*max(0, min(k, 4-k, 1))
	}
	return [3]float64{f(5), f(3), f(1)}
}

func TestHueIsTurned(t *testing.T) {
	r, s := &recolourer{h: 1, w: 1, c: 3}, rng.New(7)
	for i := range uint64(20000) {
		pixel := []byte{byte(s.Uintn(4*i, 256)), byte(s.Uintn(4*i+1, 256)), byte(s.Uintn(4*i+2, 256))}
		turn := int(s.Uintn(4*i+3, 2*hueTurn)) - hueTurn
		got := slices.Clone(pixel)
		r.hue(got, turn)
		want := hsv(pixel[0], pixel[1], pixel[2], float64(turn)/hueTurn)
		for c := range want {
			if math.Abs(float64(got[c])-want[c]) > 1.01 {
				t.Fatalf("%v by %d of %d: %v, want %v", pixel, turn, hueTurn, got, want)
			}
		}
		if slices.Max(got) != slices.Max(pixel) || slices.Min(got) != slices.Min(pixel) {
			t.Fatalf("%v by %d: %v: value or saturation changed", pixel, turn, got)
		}
	}
}

// Mean and variance of Beta(a, a) are 1/2 and 1/(4 (2 a + 1)).
func TestSharesAreOfTheBetaDistribution(t *testing.T) {
	for _, alpha := range []float64{0.01, 0.2, 1, 2.5} {
		const n = 20000
		var sum, squares float64
		for i := range n {
			v := beta(&dice{stream: rng.New(3, uint64(i))}, alpha)
			if !(v >= 0 && v <= 1) {
				t.Fatal(v)
			}
			sum, squares = sum+v, squares+v*v
		}
		mean := sum / n
		variance, want := squares/n-mean*mean, 1/(4*(2*alpha+1))
		if math.Abs(mean-0.5) > 0.015 || math.Abs(variance/want-1) > 0.04 {
			t.Errorf("alpha %v: mean %v, variance %v, want %v", alpha, mean, variance, want)
		}
	}
}

var everything = both.With(proto.Strengths{MixUp: 0.4, CutMix: 1, Brightness: 0.4, Contrast: 0.4, Saturation: 0.4, Hue: 0.1,
	Operations: 2, Magnitude: 9})

// A mixed batch, from those that are not mixed, sample by sample.
func TestMixedBatches(t *testing.T) {
	s := shapesSet(t, 300, 20)
	area := s.shape.H * s.shape.W
	for _, with := range []proto.Strengths{{MixUp: 0.4}, {CutMix: 1}, {MixUp: 0.4, CutMix: 1}} {
		augment := both.With(with)
		mixed, plain := nn.NewBatch(64, s.shape, 10), nn.NewBatch(300, s.shape, 10)
		if err := s.Fill(mixed, epoch3, augment, 7, 60); err != nil {
			t.Fatal(err)
		}
		s.Fill(plain, epoch3, both, 0, 300)
		at := func(b *nn.Batch, j, k int) float32 {
			return b.X[(j/tensor.Lanes*s.shape.Len()+k)*tensor.Lanes+j%tensor.Lanes]
		}
		ids, cuts, blends := s.ids(epoch3), 0, 0
		for j := range 60 {
			other, m := s.partner(epoch3, with, int(ids[7+j]), 300)
			inside := 0
			for k := range s.shape.Len() {
				y, x := k/s.shape.C/s.shape.W, k/s.shape.C%s.shape.W
				a, b := at(plain, 7+j, k), at(plain, other, k)
				want := a
				switch in := y >= m.y0 && y < m.y1 && x >= m.x0 && x < m.x1; {
				case in:
					want = b
					inside++
				case m.y1 == 0 && m.x1 == 0:
					want = a + float32(m.share*float32(b-a))
				}
				if got := at(mixed, j, k); got != want {
					t.Fatalf("%+v: sample %d, value %d: %v, want %v", with, j, k, got, want)
				}
			}
			if inside > 0 {
				cuts++
				if want := float32(float64(inside/s.shape.C) / float64(area)); m.share != want {
					t.Errorf("a share of %v for %d of %d pixels", m.share, inside/s.shape.C, area)
				}
			} else if m.share > 0 {
				blends++
			}
			if mixed.Labels[j] != plain.Labels[7+j] || mixed.Others[j] != plain.Labels[other] || mixed.Shares[j] != m.share {
				t.Errorf("sample %d: labels %d and %d by %v", j, mixed.Labels[j], mixed.Others[j], mixed.Shares[j])
			}
			for c := range 10 {
				want := float32(0)
				if int32(c) == mixed.Labels[j] {
					want = 1 - m.share
				}
				if int32(c) == mixed.Others[j] {
					want += m.share
				}
				if got := mixed.Targets[(j/tensor.Lanes*10+c)*tensor.Lanes+j%tensor.Lanes]; got != want {
					t.Errorf("sample %d: target %d is %v, want %v", j, c, got, want)
				}
			}
		}
		if with.CutMix > 0 != (cuts > 10) || with.MixUp > 0 != (blends > 10) {
			t.Errorf("%+v: %d rectangles, %d blends", with, cuts, blends)
		}
		s.Fill(mixed, epoch3, both, 7, 60)
		if len(mixed.Shares) != 0 {
			t.Error("shares stay in the batch")
		}
	}
}

// What a sample becomes does not depend on the batch that it is in, nor on where it is read from.
func TestAugmentedSamplesStandAlone(t *testing.T) {
	c := Config{Name: "shapes", Seed: 1, Limit: 200}
	s, err := Open(c)
	if err != nil {
		t.Fatal(err)
	}
	packed := fromFile(t, pack(t, c))
	whole, part := nn.NewBatch(64, s.shape, 0), nn.NewBatch(64, s.shape, 0)
	s.Fill(whole, epoch3, everything, 0, 64)
	for _, from := range []*Set{s, packed} {
		for _, lo := range []int{0, 5, 32} {
			if err := from.Fill(part, epoch3, everything, lo, 32); err != nil {
				t.Fatal(err)
			}
			for j := range 32 {
				for k := range s.shape.Len() {
					to := lo + j
					if part.X[k*tensor.Lanes+j] != whole.X[(to/tensor.Lanes*s.shape.Len()+k)*tensor.Lanes+to%tensor.Lanes] {
						t.Fatalf("from %d: sample %d, value %d", lo, j, k)
					}
				}
				if part.Shares[j] != whole.Shares[lo+j] || part.Others[j] != whole.Others[lo+j] {
					t.Fatalf("from %d: sample %d is mixed otherwise", lo, j)
				}
			}
		}
	}
	again := epoch3
	again.Index++
	s.Fill(part, again, everything, 0, 32)
	if slices.Equal(part.X, whole.X[:len(part.X)]) {
		t.Error("two epochs are the same")
	}
}

// Pictures of one channel have operations too, but for those of colours.
func TestGreyPicturesAreAugmented(t *testing.T) {
	s, err := Open(Config{Name: "mnist", Dir: write(t, t.TempDir(), mnist())})
	if err != nil {
		t.Fatal(err)
	}
	b := nn.NewBatch(32, s.shape, 0)
	for magnitude := range proto.MaxMagnitude + 1 {
		a := proto.Move.With(proto.Strengths{Hue: 0.5, Saturation: 1, Operations: 7, Magnitude: magnitude, MixUp: 1})
		if err := s.Fill(b, epoch3, a, 0, 2); err != nil {
			t.Fatal(err)
		}
	}
}

func TestStrengthsTravel(t *testing.T) {
	want := proto.Strengths{MixUp: 0.2, CutMix: 2.55, Brightness: 0.01, Contrast: 1, Saturation: 0.29, Hue: 0.5, Operations: 7, Magnitude: 30}
	a := both.With(want)
	if got := a.Strengths(); got != want || !a.Mixes() || !a.Recolours() || a.Unmixed().Mixes() || !a.Unmixed().Recolours() ||
		both.Mixes() || both.Recolours() || both.With(proto.Strengths{Magnitude: 30}).Recolours() {
		t.Errorf("%+v", got)
	}
	if !proto.Hundredths(0.29, 1) || proto.Hundredths(0.295, 1) || proto.Hundredths(1.01, 1) || proto.Hundredths(math.NaN(), 1) {
		t.Error("hundredths")
	}
}

func TestAugmentationAllocatesNothing(t *testing.T) {
	s, b := shapesSet(t, 100, 20), nn.NewBatch(32, nn.Shape{C: 3, H: 32, W: 32}, 0)
	fill := func() { s.Fill(b, epoch3, everything, 32, 30) }
	fill()
	if n := leastAllocations(fill); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

// leastAllocations returns how often f allocates when its memory is in the pool: a garbage
// collection may take that from there, and the race detector does now and then.
func leastAllocations(f func()) float64 {
	least := testing.AllocsPerRun(1, f)
	for range 40 {
		least = min(least, testing.AllocsPerRun(1, f))
	}
	return least
}

func BenchmarkAugment(b *testing.B) {
	s := shapesSet(b, 1000, 20)
	for name, a := range map[string]proto.Augmentation{
		"plain": both, "mixup": both.With(proto.Strengths{MixUp: 0.2}), "cutmix": both.With(proto.Strengths{CutMix: 1}),
		"color":       both.With(proto.Strengths{Brightness: 0.4, Contrast: 0.4, Saturation: 0.4, Hue: 0.1}),
		"randaugment": both.With(proto.Strengths{Operations: 2, Magnitude: 9}), "all": everything,
	} {
		b.Run(name, func(b *testing.B) {
			batch := nn.NewBatch(32, s.Shape(), 0)
			for b.Loop() {
				s.Fill(batch, epoch3, a, 64, 32)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/32e3, "us/image")
		})
	}
}
