package dataset

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/tensor/nn"
)

func shapesSet(t testing.TB, train, test int) *Set {
	t.Helper()
	s := drawShapes(3, splitSizes{train, test})
	s.finish()
	return s
}

var epoch3 = proto.Order{Split: Train, Stream: "epoch", Seed: 5, Index: 3}

func TestFillLaysSamplesOutByLane(t *testing.T) {
	s := shapesSet(t, 100, 20)
	mean, std := s.Statistics()
	const n, m = 37, 40 // two blocks, the second in part
	b := nn.NewBatch(m, s.Shape(), s.Classes())
	for i := range b.X {
		b.X[i] = 99 // of an earlier round
	}
	s.Fill(b, epoch3, 0, 7, n)
	if b.N != n {
		t.Fatalf("N is %d", b.N)
	}
	ids := s.ids(epoch3)
	for j := range 64 {
		for c := range 3 {
			for p := range 1024 {
				var want float64
				if j < n {
					img := s.train.image(int(ids[7+j]))
					want = (float64(img[c*1024+p]) - mean[c]) / std[c]
				}
				if got := b.X[((j/32*1024+p)*3+c)*32+j%32]; got != float32(want) {
					t.Fatalf("sample %d channel %d pixel %d: %g, want %g", j, c, p, got, want)
				}
			}
		}
		for c := range s.Classes() {
			want := float32(0)
			if j < n && s.Label(Train, int(ids[7+j])) == c {
				want = 1
			}
			if got := b.Targets[(j/32*s.Classes()+c)*32+j%32]; got != want {
				t.Fatalf("target %d of sample %d: %g", c, j, got)
			}
		}
		if j < n && int(b.Labels[j]) != s.Label(Train, int(ids[7+j])) {
			t.Fatalf("label of sample %d", j)
		}
	}
}

func TestFillIsTheSameHoweverItIsCut(t *testing.T) {
	s := shapesSet(t, 100, 20)
	whole := nn.NewBatch(64, s.Shape(), 0)
	s.Fill(whole, epoch3, both, 0, 64)
	part := nn.NewBatch(32, s.Shape(), 0)
	s.Fill(part, epoch3, both, 32, 32)
	if !slices.Equal(whole.X[len(part.X):], part.X) || !slices.Equal(whole.Labels[32:], part.Labels) {
		t.Error("the second half differs from the second half of the whole")
	}
}

const both = proto.Move | proto.Mirror

// The mirror can be left out, and what is moved is moved as with it.
func TestTheMirrorIsASettingOfItsOwn(t *testing.T) {
	s := shapesSet(t, 100, 20)
	mirrored := 0
	for i := range 100 {
		whole, still, turned := s.pose(epoch3, both, i), s.pose(epoch3, proto.Move, i), s.pose(epoch3, proto.Mirror, i)
		if still.mirrored || still.dx != whole.dx || still.dy != whole.dy || turned != (pose{mirrored: whole.mirrored}) {
			t.Errorf("sample %d: %+v with both, %+v without the mirror, %+v with it alone", i, whole, still, turned)
		}
		if whole.mirrored {
			mirrored++
		}
	}
	if mirrored < 30 || mirrored > 70 {
		t.Errorf("%d of 100 images are mirrored", mirrored)
	}
	s.flip = false
	if p := s.pose(epoch3, proto.Mirror, 3); p.mirrored {
		t.Error("an image of a set that has a left and a right is mirrored")
	}
}

// What alternates is what epoch 0 draws, then the other side in every second epoch; moves stay as they are.
func TestAlternatingMirror(t *testing.T) {
	s := shapesSet(t, 100, 20)
	turns := both | proto.Alternate
	for i := range 100 {
		o := epoch3
		o.Index = 0
		first := s.pose(o, both, i).mirrored
		for epoch := range uint64(6) {
			o.Index = epoch
			got, drawn := s.pose(o, turns, i), s.pose(o, both, i)
			if got.mirrored != (first != (epoch%2 == 1)) || got.dx != drawn.dx || got.dy != drawn.dy {
				t.Errorf("sample %d, epoch %d: %+v, drawn %+v, mirrored at first: %v", i, epoch, got, drawn, first)
			}
		}
	}
	if s.pose(epoch3, proto.Alternate, 3).mirrored {
		t.Error("mirrored without Mirror")
	}
	if s.flip = false; s.pose(epoch3, turns, 3).mirrored || s.pose(epoch3, turns, 4).mirrored {
		t.Error("an image of a set that has a left and a right is mirrored")
	}
}

// All pictures of an evaluation are mirrored, where left and right tell nothing apart.
func TestMirroredMirrorsAll(t *testing.T) {
	s := shapesSet(t, 100, 20)
	for i := range 20 {
		if got := s.pose(epoch3, proto.Mirrored, i); got != (pose{mirrored: true}) {
			t.Errorf("sample %d: %+v", i, got)
		}
	}
	if s.flip = false; s.pose(epoch3, proto.Mirrored, 1).mirrored {
		t.Error("an image of a set that has a left and a right is mirrored")
	}
}

// A square of 8 x 8 pixels is 0, wherever it fits in, and nothing else is changed.
func TestCutout(t *testing.T) {
	s := shapesSet(t, 200, 20)
	whole, cut := nn.NewBatch(160, s.Shape(), 0), nn.NewBatch(160, s.Shape(), 0)
	s.Fill(whole, epoch3, both, 0, 160)
	s.Fill(cut, epoch3, both|proto.Cutout, 0, 160)
	ids := s.ids(epoch3)
	var corners [2]map[int]bool
	corners[0], corners[1] = map[int]bool{}, map[int]bool{}
	for j := range 160 {
		p := s.pose(epoch3, both|proto.Cutout, int(ids[j]))
		if p.cut != 8 || p.cy < 0 || p.cx < 0 || p.cy > 24 || p.cx > 24 {
			t.Fatalf("pose %+v", p)
		}
		corners[0][p.cy], corners[1][p.cx] = true, true
		for y := range 32 {
			for x := range 32 {
				for c := range 3 {
					at := ((j/32*1024+y*32+x)*3+c)*32 + j%32
					want := whole.X[at]
					if y >= p.cy && y < p.cy+8 && x >= p.cx && x < p.cx+8 {
						want = 0
					}
					if cut.X[at] != want {
						t.Fatalf("sample %d, pixel (%d, %d): %v, want %v", j, y, x, cut.X[at], want)
					}
				}
			}
		}
	}
	for _, seen := range corners {
		if len(seen) < 20 || !seen[0] || !seen[24] {
			t.Errorf("squares begin at %v", seen)
		}
	}
}

// Runs of earlier versions move and mirror the same images by the same way.
func TestPosesStayAsTheyWere(t *testing.T) {
	s := shapesSet(t, 10, 10)
	for i, want := range []pose{{dy: -2}, {dy: 2, dx: 2, mirrored: true}, {dy: 1, dx: -2, mirrored: true}, {dy: 2, dx: -1}, {dy: 1, dx: -1}, {dy: 2, dx: -2}} {
		if got := s.pose(epoch3, both, i); got != want {
			t.Errorf("sample %d: %+v, was %+v", i, got, want)
		}
	}
}

func TestAugmentationMovesAndMirrors(t *testing.T) {
	s := shapesSet(t, 400, 20)
	seen := map[pose]int{}
	for i := range 400 {
		p := s.pose(epoch3, both, i)
		if p != s.pose(epoch3, both, i) {
			t.Fatal("a pose changed")
		}
		if max(p.dx, -p.dx, p.dy, -p.dy) > s.shift() {
			t.Fatalf("pose %+v", p)
		}
		seen[p]++
	}
	if len(seen) < 45 { // of 50
		t.Errorf("only %d poses among 400 images", len(seen))
	}
	other := epoch3
	other.Index++
	same := 0
	for i := range 400 {
		if s.pose(epoch3, both, i) == s.pose(other, both, i) {
			same++
		}
	}
	if same > 20 {
		t.Errorf("%d of 400 images have the same pose in two epochs", same)
	}

	img := make([]byte, 3*1024)
	for i := range img {
		img[i] = byte(i * 7)
	}
	for _, p := range []pose{{}, {dy: 2, dx: -3}, {dy: -4, dx: 4, mirrored: true}, {mirrored: true}} {
		got := make([]float32, 1024*3*32)
		s.place(got, &[32]view{{img, p}})
		for c := range 3 {
			for y := range 32 {
				for x := range 32 {
					sy, sx := y+p.dy, x+p.dx
					if p.mirrored {
						sx = 31 - x + p.dx
					}
					var want float32
					if sy >= 0 && sy < 32 && sx >= 0 && sx < 32 {
						want = s.table[c][img[(c*32+sy)*32+sx]]
					}
					if got[((y*32+x)*3+c)*32] != want {
						t.Fatalf("pose %+v channel %d at %d, %d", p, c, y, x)
					}
				}
			}
		}
	}
}

// Images smaller than the shift leave the picture altogether.
func TestRowsShorterThanTheShift(t *testing.T) {
	s := &Set{table: make([][256]float32, 1)}
	for i := range s.table[0] {
		s.table[0][i] = float32(i)
	}
	for w := 1; w <= 6; w++ {
		src := []byte{10, 20, 30, 40, 50, 60}[:w]
		for dx := -4; dx <= 4; dx++ {
			for _, mirrored := range []bool{false, true} {
				got := make([]float32, 2*w)
				pose{dx: dx, mirrored: mirrored}.row(got, src, &s.table[0], 2)
				for x := range w {
					sx := x + dx
					if mirrored {
						sx = w - 1 - x + dx
					}
					var want float32
					if sx >= 0 && sx < w {
						want = float32(src[sx])
					}
					if got[2*x] != want || got[2*x+1] != 0 {
						t.Fatalf("width %d, dx %d, mirrored %v: %v", w, dx, mirrored, got)
					}
				}
			}
		}
	}
}

func TestFillAllocatesNothing(t *testing.T) {
	s := shapesSet(t, 100, 20)
	b := nn.NewBatch(32, s.Shape(), s.Classes())
	s.Fill(b, epoch3, both, 0, 32)
	if n := testing.AllocsPerRun(10, func() { s.Fill(b, epoch3, both, 32, 30) }); n != 0 {
		t.Errorf("%g allocations", n)
	}
}

func TestOrdersArePermutationsByKey(t *testing.T) {
	s := shapesSet(t, 100, 20)
	first := slices.Clone(s.ids(epoch3))
	for i := range 10 { // pushes the first out of memory
		s.ids(proto.Order{Split: Train, Stream: "growth", Seed: 5, Index: uint64(i)})
	}
	if !slices.Equal(first, s.ids(epoch3)) {
		t.Error("an order changed")
	}
	sorted := slices.Clone(first)
	slices.Sort(sorted)
	for i, id := range sorted {
		if int(id) != i {
			t.Fatal("not a permutation")
		}
	}
	growth := epoch3
	growth.Stream = "growth"
	if slices.Equal(first, s.ids(growth)) {
		t.Error("two streams have one order")
	}
}

// The samples held out and the others are a partition of the training samples
// that the seed decides, whatever the epoch.
func TestHeldOutSamples(t *testing.T) {
	s := shapesSet(t, 100, 20)
	draw := func(split, stream string, seed, index uint64) []uint32 {
		return s.ids(proto.Order{Split: split, Stream: stream, Seed: seed, Index: index, Held: 30})
	}
	held := draw(Validation, "sequential", 5, 0)
	if len(held) != 30 || !slices.IsSorted(held) {
		t.Fatalf("held out: %v", held)
	}
	first := draw(Train, "epoch", 5, 1)
	for _, other := range [][]uint32{first, draw(Train, "epoch", 5, 2), draw(Train, "growth", 5, 0)} {
		all := slices.Concat(held, other)
		slices.Sort(all)
		for i, id := range all {
			if len(all) != 100 || int(id) != i {
				t.Fatalf("not a partition: %v", all)
			}
		}
	}
	if slices.Equal(first, draw(Train, "epoch", 5, 2)) || slices.Equal(held, draw(Validation, "sequential", 6, 0)) {
		t.Error("epoch or seed change nothing")
	}
	if s.ids(proto.Order{Split: Test, Stream: "sequential", Held: 30}) != nil {
		t.Error("test samples are held out")
	}

	b := nn.NewBatch(32, s.Shape(), s.Classes())
	o := proto.Order{Split: Validation, Stream: "sequential", Seed: 5, Held: 30}
	s.Fill(b, o, 0, 0, 32) // begins anew after 30
	for j := range 32 {
		if want := s.Label(Train, int(held[j%30])); int(b.Labels[j]) != want {
			t.Fatalf("sample %d: label %d, want %d", j, b.Labels[j], want)
		}
	}
}

// A round that the set cannot serve is refused before it is computed.
func TestFits(t *testing.T) {
	s := shapesSet(t, 100, 0)
	graph := func(in nn.Shape, classes int) *nn.Graph {
		g, err := nn.Build(nn.ModelConfig{Name: "mlp", Input: in, Classes: classes, Widths: []int{5}})
		if err != nil {
			t.Fatal(err)
		}
		return g
	}
	fits := graph(s.Shape(), s.Classes())
	for _, o := range []proto.Order{{Split: Train}, {Split: Train, Held: 99}, {Split: Validation, Held: 1},
		{Split: Validation, Held: 1 << 63}} {
		if err := s.Fits(o, fits); err != nil {
			t.Errorf("%+v: %v", o, err)
		}
	}
	for _, o := range []proto.Order{{Split: Test}, {Split: Train, Held: 100}, {Split: Train, Held: 1 << 63}, {Split: Validation}} {
		if err := s.Fits(o, fits); err == nil || !strings.Contains(err.Error(), "has no "+o.Split+" samples") {
			t.Errorf("%+v: error %v", o, err)
		}
	}
	other := s.Shape()
	other.C++
	for _, g := range []*nn.Graph{graph(other, s.Classes()), graph(s.Shape(), s.Classes()+1)} {
		if err := s.Fits(proto.Order{Split: Train}, g); err == nil || !strings.Contains(err.Error(), "the network reads") {
			t.Errorf("error %v", err)
		}
	}
}

func TestNormalisedTrainingSamplesHaveMeanZeroAndVarianceOne(t *testing.T) {
	s := shapesSet(t, 64, 20)
	b := nn.NewBatch(64, s.Shape(), 0)
	s.Fill(b, proto.Order{Split: Train, Stream: "sequential"}, 0, 0, 64)
	var sum, squares float64
	for _, v := range b.X {
		sum += float64(v)
		squares += float64(v) * float64(v)
	}
	n := float64(len(b.X))
	if math.Abs(sum/n) > 1e-4 || math.Abs(squares/n-1) > 1e-3 {
		t.Errorf("mean %g, variance %g", sum/n, squares/n)
	}
}

func TestLimitKeepsTheClassesInBalance(t *testing.T) {
	s := samples{labels: []uint16{0, 0, 0, 1, 0, 2, 1, 1}, images: []byte{0, 1, 2, 3, 4, 5, 6, 7}}
	s.limit(5, 3)
	if !slices.Equal(s.images, []byte{0, 1, 3, 5, 6}) || !slices.Equal(s.labels, []uint16{0, 0, 1, 2, 1}) {
		t.Errorf("kept %v of classes %v", s.images, s.labels)
	}
}

func BenchmarkFill(b *testing.B) {
	s := shapesSet(b, 1000, 20)
	batch := nn.NewBatch(32, s.Shape(), 0)
	b.ReportAllocs()
	for b.Loop() {
		s.Fill(batch, epoch3, both, 64, 32)
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/32, "us/image")
}
