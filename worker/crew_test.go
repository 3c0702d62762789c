package worker

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/tinygrow/tinygrow/growth/measure"
	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/tensor/nn"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// noise is a data set of random vectors.
type noise struct{ filled func() }

func (noise) Digest() string { return "noise" }

func (noise) Fits(proto.Order, *nn.Graph) error { return nil }

func (n noise) Fill(b *nn.Batch, o proto.Order, augment proto.Augmentation, lo, count int) error {
	if n.filled != nil {
		n.filled()
	}
	b.N = count
	clear(b.X)
	for i := range count {
		r := rand.New(rand.NewPCG(uint64(lo+i), o.Seed))
		b.Labels[i] = int32(r.IntN(3))
		for c := range 4 {
			b.X[c*32+i] = float32(r.NormFloat64())
		}
	}
	return nil
}

func testJob(t *testing.T, kind proto.Kind, shards int) *job {
	g, err := nn.Build(nn.ModelConfig{Name: "mlp", Input: nn.Shape{C: 4, H: 1, W: 1}, Classes: 3, Widths: []int{5}, Norm: "batch"})
	if err != nil {
		t.Fatal(err)
	}
	net, err := compile(g, 8)
	if err != nil {
		t.Fatal(err)
	}
	m := nn.Init(g, 1)
	return &job{
		spec: proto.RoundSpec{Kind: kind, Order: proto.Order{Split: "train", Stream: "epoch"}, Count: uint64(8*shards - 3),
			MicroShard: 8, Halves: kind == proto.Gradient},
		version: &version{network: net, params: m.Params, buffers: m.Buffers},
	}
}

// addNode adds the children of a node of a round's tree; those of the root tell their squares.
func addNode(j *job, node proto.Block, l, r proto.Sums) proto.Sums {
	left, right := chunkSquares(l.F32), chunkSquares(r.F32)
	l.Add(r)
	rounding(j.spec.Wire).Round(l.F32, l.F32)
	if at := j.halves(node); at > 0 {
		l.F64[at], l.F64[at+1] = left, right
	}
	return l
}

// newTestFold adds what a coordinator gets of a round.
func newTestFold(j *job, shards uint32) *proto.Fold[proto.Sums] {
	var f *proto.Fold[proto.Sums]
	f = proto.NewFold(shards, func(l, r proto.Sums) proto.Sums { return addNode(j, f.Adding(), l, r) })
	return f
}

// What the root of a round tells of its halves, where it is asked, are the squares of the gradients of its children,
// which no other block tells.
func TestTheRootTellsOfItsHalves(t *testing.T) {
	for _, shards := range []uint32{1, 2, 3, 13} {
		j, c := testJob(t, proto.Gradient, int(shards)), newCrew(noise{}, 2)
		unasked := testJob(t, proto.Gradient, int(shards))
		unasked.spec.Halves = false
		s, err := c.compute(context.Background(), unasked, proto.Root(shards), 0)
		if told := unasked.version.network.graph.GradientSums().Halves(s.F64); err != nil || told[0] != 0 || told[1] != 0 {
			t.Errorf("%v, halves of squares %v that nobody asked for", err, told)
		}
		halves := func(b proto.Block) (squares float64, told []float64) {
			s, err := c.compute(context.Background(), j, b, 0)
			if err != nil {
				t.Fatal(err)
			}
			for _, v := range s.F32 {
				squares += float64(float64(v) * float64(v))
			}
			return squares, slices.Clone(j.version.network.graph.GradientSums().Halves(s.F64))
		}
		_, told := halves(proto.Root(shards))
		want := []float64{0, 0}
		if shards > 1 {
			left, right := proto.Root(shards).Split()
			for i, b := range []proto.Block{left, right} {
				squares, none := halves(b)
				if none[0] != 0 || none[1] != 0 {
					t.Errorf("%v of %d tells of halves: %v", b, shards, none)
				}
				want[i] = squares
			}
		}
		for i, v := range want {
			if math.Abs(told[i]-v) > 1e-5*v || shards > 1 && v == 0 {
				t.Errorf("half %d of %d micro-shards has the squares %v, want %v", i, shards, told[i], v)
			}
		}
	}
}

// The sums of a block are those of its leaves, added in the order of the tree,
// for every number of threads and however the tree is cut into blocks.
func TestSumsFollowTheTree(t *testing.T) {
	const shards = 13
	jobs := map[string]*job{"gradient": testJob(t, proto.Gradient, shards), "evaluation": testJob(t, proto.Evaluate, shards)}
	for name, step := range map[string]proto.Step{"gradient with N": 10, "gradient with N and S": 8} {
		j := testJob(t, proto.Gradient, shards)
		ride, err := measure.NewRide(j.version.network.graph, measure.Riding(j.version.network.graph, 2), j.version.network.shard)
		if err != nil {
			t.Fatal(err)
		}
		j.ride, j.spec.Step = ride, step
		jobs[name] = j
	}
	for kind, j := range jobs {
		one := newCrew(noise{}, 1)
		var walk func(b proto.Block) proto.Sums
		walk = func(b proto.Block) proto.Sums {
			if b.IsLeaf() {
				s, err := one.compute(context.Background(), j, b, 0)
				if err != nil {
					t.Fatal(err)
				}
				return s // not given back: it stays ours
			}
			left, right := b.Split()
			return addNode(j, b, walk(left), walk(right))
		}
		want := walk(proto.Root(shards))
		for _, threads := range []int{1, 2, 5} {
			c := newCrew(noise{}, threads)
			for _, size := range []uint32{1, 4, 16} {
				f := newTestFold(j, shards)
				for _, b := range proto.Root(shards).Cover(size) {
					s, err := c.compute(context.Background(), j, b, 0)
					if err != nil {
						t.Fatal(err)
					}
					if err := f.Put(b, s); err != nil {
						t.Fatal(err)
					}
				}
				got, ok := f.Root()
				if !ok || !slices.Equal(got.F32, want.F32) || !slices.Equal(got.F64, want.F64) {
					t.Errorf("%s on %d threads in blocks of %d: other bits", kind, threads, size)
				}
			}
		}
		if n := want.F64[0]; n != 8*shards-3 {
			t.Errorf("%s over %v samples", kind, n)
		}
	}
}

// What rides along changes no bit of gradient, metrics and moments.
func TestRidingLeavesTheGradient(t *testing.T) {
	plain, riding := testJob(t, proto.Gradient, 5), testJob(t, proto.Gradient, 5)
	g := riding.version.network.graph
	var err error
	if riding.ride, err = measure.NewRide(g, measure.Riding(g, 1), 8); err != nil {
		t.Fatal(err)
	}
	c := newCrew(noise{}, 2)
	want, err := c.compute(context.Background(), plain, proto.Root(5), 0)
	if err != nil {
		t.Fatal(err)
	}
	got, err := c.compute(context.Background(), riding, proto.Root(5), 0)
	if err != nil {
		t.Fatal(err)
	}
	sites := measure.RidingSites(g)
	n := len(want.F64)
	if !slices.Equal(got.F32, want.F32) || !slices.Equal(got.F64[:n], want.F64) || len(got.F64) != n+measure.RidingLen(sites, false) {
		t.Error("other sums with statistics riding along")
	}
	if largest, err := measure.LookRidden(sites, false, got.F64[n:], 37); err != nil || !(largest > 0) {
		t.Errorf("the largest of N is %v, %v", largest, err)
	}
}

// Memory of sums is used again: a second block of the same round allocates none.
func TestSumsAreUsedAgain(t *testing.T) {
	j := testJob(t, proto.Gradient, 8)
	c := newCrew(noise{}, 2)
	for range 5 {
		s, err := c.compute(context.Background(), j, proto.Root(8), 0)
		if err != nil {
			t.Fatal(err)
		}
		c.sums.put(s)
	}
	if n := len(c.sums.free); n > 2+4 {
		t.Errorf("%d sums are kept: more than threads and levels need", n)
	}
}

func TestASupersededBlockIsGivenUp(t *testing.T) {
	j := testJob(t, proto.Gradient, 64)
	ctx, stop := context.WithCancelCause(context.Background())
	var once sync.Once
	var mu sync.Mutex
	filled := 0
	c := newCrew(noise{func() {
		mu.Lock()
		defer mu.Unlock()
		if filled++; filled == 10 {
			once.Do(func() { stop(errSuperseded) })
		}
	}}, 2)
	if _, err := c.compute(ctx, j, proto.Root(64), 0); !errors.Is(err, errSuperseded) {
		t.Errorf("got %v", err)
	}
	if filled > 12 {
		t.Errorf("%d micro-shards were computed after the end", filled-10)
	}
}

func TestTasksSayHowManyThreads(t *testing.T) {
	j := testJob(t, proto.Gradient, 16)
	c := newCrew(noise{}, 4)
	if _, err := c.compute(context.Background(), j, proto.Root(16), 1); err != nil {
		t.Fatal(err)
	}
	busy := 0
	for _, h := range c.hands {
		if h.train != nil {
			busy++
		}
	}
	if busy != 1 {
		t.Errorf("%d threads worked, want 1", busy)
	}
}

func TestConfig(t *testing.T) {
	err := Config{Run: "a b", ID: "*", Threads: -1, Grace: -1}.Validate()
	for _, part := range []string{"run id", "worker id", "threads -1", "grace"} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("faults lack %q: %v", part, err)
		}
	}
	c := Config{}.withDefaults()
	if err := c.Validate(); err != nil || c.ID == "" || c.Threads < 1 || !c.shared {
		t.Errorf("%+v, %v", c, err)
	}
	if d := (Config{}).withDefaults(); d.ID == c.ID {
		t.Error("two workers got the same name")
	}
}
