package assessor

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/tinygrow/tinygrow/deploy/run/record"
)

// records are runs whose accuracy depends on their width and rate; the curve of each is a power law towards it, and wide ones are slow.
func records(n int) (list []record.Record) {
	draws := rand.New(rand.NewPCG(1, 1))
	for i := range n {
		width, lr := 4+draws.IntN(60), math.Exp(-4*draws.Float64())
		end := 0.3 + 0.05*math.Log2(float64(width)) - 0.03*math.Pow(math.Log(lr)+2, 2) + 0.01*draws.NormFloat64()
		r := record.Record{Name: fmt.Sprint(i), Settings: map[string]string{"optim.lr": fmt.Sprint(lr)},
			Graph: record.Graph{Params: 9 * width, FLOPs: int64(18 * width), Nodes: []record.Node{{Kind: "input", Width: 3}, {Kind: "layer", Width: width}, {Kind: "output", Width: 10}}, Edges: [][2]int{{0, 1}, {1, 2}}}}
		for k := 1; k <= 40; k++ {
			part := float64(k) / 40
			at := end - float64(width)/200*(math.Pow(part, -0.3)-1)
			r.Curve = append(r.Curve, record.Point{Part: part, Loss: 2.5 - 2*at, Accuracy: at})
			if k%4 == 0 {
				r.Evaluations = append(r.Evaluations, record.Evaluation{Split: "validation", Part: part, Accuracy: at + 0.005*draws.NormFloat64()})
			}
		}
		r.Final = &record.Final{Split: "validation", Accuracy: end}
		list = append(list, r)
	}
	return append(list, record.Record{Name: "not at its end"})
}

// On runs whose curves cross, what networks tell is worth more than the accuracy seen last; all ways are measured at each part.
func TestHeldOut(t *testing.T) {
	rows, err := HeldOut(records(40), []float64{0.1, 0.3})
	if err != nil {
		t.Fatal(err)
	}
	by := map[string]float64{}
	for _, r := range rows {
		t.Logf("%+v", r)
		by[fmt.Sprintf("%s %v", r.Way, r.Part)] = r.Rank
		if (r.Way == Both || r.Way == Accuracy) && (r.Error <= 0 || r.Said < r.Error/3 || r.Said > 3*r.Error || r.Spread < 0) {
			t.Errorf("%+v", r)
		}
	}
	if len(rows) != 9 || by[Both+" 0.1"] < by[Last+" 0.1"]+0.1 || by[Both+" 0.3"] < by[Last+" 0.3"] || by[Network+" 0"] < 0.8 || by[PowerLaw+" 0.3"] < 0.8 {
		t.Errorf("%v", by)
	}
	if _, err := HeldOut(records(8), nil); err == nil {
		t.Error("eight runs are enough")
	}
	bare := records(20)
	bare[3].Curve = nil
	if _, err := HeldOut(bare, []float64{0.1}); err == nil {
		t.Error("a run without a curve is foretold")
	}
}
