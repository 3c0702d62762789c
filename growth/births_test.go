package growth

import (
	"math"
	"slices"
	"testing"

	"github.com/tinygrow/tinygrow/growth/growthtest"
	"github.com/tinygrow/tinygrow/growth/site"

	"github.com/tinygrow/tinygrow/tensor/nn"
)

// Groups are told apart by the journal, rows that were turned by hand have turned by
// that, and longer rows by as much.
func TestBirthGroups(t *testing.T) {
	g := mlp(t, 3)
	m := growthtest.RandomModel(g, 1)
	c := DefaultOf(PolicyCompute)
	c.MaxFLOPs = 3 * g.FLOPs()
	w := newWorld(t, g, 960, 1)
	info := w.info(7, 32)
	info.Part = 1
	o := w.run(t, NewEvent(c, m, nil, info), m, 32)
	width := o.Model.Graph.Node("fc1").Out
	now := &nn.Model{Graph: o.Model.Graph, Params: append([]float32(nil), o.Model.Params...), Buffers: o.Model.Buffers}
	l, err := site.LayoutOf(now.Graph, "fc1")
	if err != nil {
		t.Fatal(err)
	}
	const degrees = 10
	sin, cos := math.Sincos(degrees * math.Pi / 180)
	for j := range width { // in the plane of the row and an orthogonal vector, three times as long
		row := rowOf(&l, now, j)
		x, y := float64(row[0]), float64(row[1])
		for i := 2; i < len(row); i++ {
			row[i] = 0
		}
		copy(rowOf(&l, o.Model, j), row)
		row[0], row[1] = float32(3*(cos*x-sin*y)), float32(3*(sin*x+cos*y))
	}
	groups, err := BirthGroups(o.Model, now, 50, []Record{*o.Record})
	if err != nil || len(groups) != 2 {
		t.Fatalf("groups %+v, %v", groups, err)
	}
	if a, b := groups[0], groups[1]; a.Born != 0 || a.From != 0 || a.To != 3 || b.Born != 700 || b.From != 3 || b.To != width {
		t.Errorf("groups %+v", groups)
	}
	for _, b := range groups {
		growthtest.Close(t, "turn in 100 steps", float64(b.Turn), 2*degrees, 1e-4)
		growthtest.Close(t, "pace", float64(b.Pace), 1, 1e-4)
	}
	for j := 3; j < width; j++ { // back where they were
		copy(rowOf(&l, now, j), rowOf(&l, o.Model, j))
	}
	if groups, err = BirthGroups(o.Model, now, 50, []Record{*o.Record}); err != nil || !slices.Equal(Frozen(groups), groups[1:]) {
		t.Errorf("neurons that stand still: %+v, %v", groups, err)
	}
	fast := groups[1]
	fast.Pace = 30
	if got := Frozen([]BirthGroup{groups[0], fast}); !slices.Equal(got, groups[:1]) {
		t.Errorf("neurons that stand still from the start: %+v", got)
	}
	short := groups[1]
	short.Norm = groups[0].Norm / 100
	both := []BirthGroup{groups[0], short}
	if got := Dead(both); !slices.Equal(got, both[1:]) || len(Frozen(both)) > 0 || len(Dead(groups)) > 0 {
		t.Errorf("a short row that stands still gets no gradient: %+v", got)
	}
	first, err := BirthGroups(m, now, 50, []Record{*o.Record})
	if err != nil || math.IsNaN(float64(first[0].Turn)) || !math.IsNaN(float64(first[1].Turn)) || len(Frozen(first)) > 0 {
		t.Errorf("against the model before the event: %+v, %v", first, err)
	}
}
