package growth

import (
	"fmt"
	"testing"

	"github.com/tinygrow/tinygrow/growth/growthtest"
	"github.com/tinygrow/tinygrow/growth/measure"
	"github.com/tinygrow/tinygrow/growth/site"

	"gonum.org/v1/gonum/mat"

	"github.com/tinygrow/tinygrow/tensor/linalg"
	"github.com/tinygrow/tinygrow/tensor/nn"
)

// naive holds the statistics of a site computed from their definitions, with
// explicit unfolds and the mask T, in float64.
type naive struct {
	s1, m, g *mat.Dense
	// restricted: rows are (sample, output position)
	b2, b1, v *mat.Dense
	// full: Bt[i,j,e,:] as rows (sample, position, offset), and counts
	bt *mat.Dense
	n  float64
}

// geometry of a layer in PyTorch's terms
func kernelOf(n *nn.Node, in nn.Shape) nn.Window {
	if n.Op == nn.OpLinear {
		return nn.Window{Height: in.H, Width: in.W, Stride: 1}
	}
	return nn.Window{Height: n.Kernel, Width: n.Kernel, Stride: n.Stride, Pad: n.Pad}
}

// linearPath pools maps (position, row) by the operations between, as averages.
func linearPath(g *nn.Graph, place site.Site, shapes map[nn.NodeID]nn.Shape, maps [][]float64) [][]float64 {
	at := shapes[place.First]
	for _, id := range place.Between {
		n, out := g.Node(id), shapes[id]
		k, stride, pad := n.Kernel, n.Stride, n.Pad
		switch n.Op {
		case nn.OpGlobalAvgPool:
			if at.H != at.W {
				panic("square only")
			}
			k, stride, pad = at.H, 1, 0
		case nn.OpMaxPool, nn.OpAvgPool:
		default:
			if n.Op.Role() != nn.Filters {
				at = out
				continue
			}
			w, _ := n.Window(at)
			k, stride, pad = 1, w.Stride, w.Pad-w.Height/2 // the filter of a new channel is 1 at the centre
		}
		var next [][]float64
		for oy := range out.H {
			for ox := range out.W {
				row := make([]float64, len(maps[0]))
				count := 0.0
				for ky := range k {
					for kx := range k {
						y, x := oy*stride-pad+ky, ox*stride-pad+kx
						if y < 0 || x < 0 || y >= at.H || x >= at.W {
							if n.Op == nn.OpAvgPool || n.Op.Role() == nn.Filters {
								count++
							}
							continue
						}
						count++
						for r, v := range maps[y*at.W+x] {
							row[r] += v
						}
					}
				}
				for r := range row {
					row[r] /= count
				}
				next = append(next, row)
			}
		}
		maps, at = next, out
	}
	return maps
}

func naiveStatistics(t *testing.T, m *nn.Model, place site.Site, bs []*nn.Batch) naive {
	t.Helper()
	g := m.Graph
	shapes, _ := g.Shapes()
	first, second := g.Node(place.First), g.Node(place.Second)
	in, hidden := shapes[first.Inputs[0]], shapes[second.Inputs[0]]
	p, err := nn.Compile(g, len(bs[0].Labels), nn.Options{Keep: []nn.NodeID{first.Inputs[0], second.Inputs[0], second.ID}})
	if err != nil {
		t.Fatal(err)
	}
	w, pk, grad := p.NewWorkspace(), p.Pack(nil, m.Params), make([]float32, g.NumParams())
	w1, w2 := kernelOf(first, in), kernelOf(second, hidden)
	out, mid := shapes[second.ID], shapes[first.ID]
	var b2, b1, v, bt [][]float64
	n := 0.0
	for _, b := range bs {
		w.Forward(pk, m.Buffers, b, nn.Train)
		w.Loss()
		w.Backward(grad)
		n += float64(b.N)
		x, h, gz := w.Value(first.Inputs[0]), w.Value(second.Inputs[0]), w.Grad(second.ID)
		for i := range b.N {
			image, below := growthtest.Image{X: x, Shape: in, Sample: i}, growthtest.Image{X: h, Shape: hidden, Sample: i}
			grad := growthtest.Image{X: gz, Shape: out, Sample: i}
			var maps [][]float64
			for y := range mid.H {
				for c := range mid.W {
					maps = append(maps, image.Unfold(w1, growthtest.Pixel{Row: y, Column: c}, first.Bias))
				}
			}
			maps = linearPath(g, place, shapes, maps)
			for oy := range out.H {
				for ox := range out.W {
					at := growthtest.Pixel{Row: oy, Column: ox}
					b1 = append(b1, below.Unfold(w2, at, second.Bias))
					vrow := make([]float64, out.C)
					for c := range vrow {
						vrow[c] = -grad.At(c, at)
					}
					v = append(v, vrow)
					for ky := range w2.Height {
						for kx := range w2.Width {
							y, c := oy*w2.Stride-w2.Pad+ky, ox*w2.Stride-w2.Pad+kx
							row := make([]float64, len(maps[0]))
							if y >= 0 && c >= 0 && y < hidden.H && c < hidden.W {
								row = maps[y*hidden.W+c]
							}
							bt = append(bt, row)
							if ky == w2.Height/2 && kx == w2.Width/2 {
								b2 = append(b2, row)
							}
						}
					}
				}
			}
		}
	}
	dense := func(rows [][]float64) *mat.Dense {
		d := mat.NewDense(len(rows), len(rows[0]), nil)
		for i, r := range rows {
			d.SetRow(i, r)
		}
		return d
	}
	r := naive{b2: dense(b2), b1: dense(b1), v: dense(v), bt: dense(bt), n: n}
	r.s1, r.m, r.g = growthtest.Scaled(1/n, growthtest.Mul(r.b1.T(), r.b1)), growthtest.Scaled(1/n, growthtest.Mul(r.b1.T(), r.v)), growthtest.Scaled(1/n, growthtest.Mul(r.v.T(), r.v))
	return r
}

// filteredSites are what may lie between the two layers of a site, with filters of
// single channels among it.
var filteredSites = map[string][]nn.Node{}

// statisticsNets are graphs with a site "a" whose statistics are checked.
func statisticsNets(t *testing.T) map[string]*nn.Graph {
	nets := map[string]*nn.Graph{
		"mlp":                growthtest.Chain(t, nn.Shape{C: 5, H: 1, W: 1}, nn.CrossEntropy, growthtest.Linear("a", 4, true), growthtest.Op("r", nn.OpReLU), growthtest.Linear("z", 3, true)),
		"mlp without biases": growthtest.Chain(t, nn.Shape{C: 5, H: 1, W: 1}, nn.MSE, growthtest.Linear("a", 4, false), growthtest.Op("r", nn.OpTanh), growthtest.Linear("z", 3, false)),
		"linear on an image": growthtest.Chain(t, nn.Shape{C: 2, H: 3, W: 4}, nn.CrossEntropy, growthtest.Linear("a", 4, true), growthtest.Op("r", nn.OpGELU), growthtest.Linear("z", 3, true)),
		"zero width":         growthtest.Chain(t, nn.Shape{C: 5, H: 1, W: 1}, nn.CrossEntropy, growthtest.Linear("a", 0, true), growthtest.Op("r", nn.OpReLU), growthtest.Linear("z", 3, true)),
		"flatten": growthtest.Chain(t, nn.Shape{C: 2, H: 5, W: 5}, nn.CrossEntropy, growthtest.Conv("a", 3, 3, 1, 1, true), growthtest.Op("r", nn.OpReLU),
			growthtest.Pooling("p", nn.OpMaxPool, 2, 2, 0), growthtest.Op("f", nn.OpFlatten), growthtest.Linear("z", 3, true)),
		"global pool": growthtest.Chain(t, nn.Shape{C: 2, H: 5, W: 5}, nn.CrossEntropy, growthtest.Conv("a", 3, 3, 1, 1, true), growthtest.Norm("n"), growthtest.Op("r", nn.OpReLU),
			growthtest.Op("p", nn.OpGlobalAvgPool), growthtest.Linear("z", 3, true)),
		"average pool, padded": growthtest.Chain(t, nn.Shape{C: 2, H: 6, W: 6}, nn.CrossEntropy, growthtest.Conv("a", 3, 3, 1, 0, true), growthtest.Op("r", nn.OpReLU),
			growthtest.Pooling("p", nn.OpAvgPool, 3, 2, 1), growthtest.Conv("z", 3, 2, 1, 1, true), growthtest.Op("p2", nn.OpGlobalAvgPool)),
		"max pool, padded": growthtest.Chain(t, nn.Shape{C: 2, H: 6, W: 6}, nn.CrossEntropy, growthtest.Conv("a", 3, 3, 1, 0, false), growthtest.Norm("n"), growthtest.Op("r", nn.OpReLU),
			growthtest.Pooling("p", nn.OpMaxPool, 3, 2, 1), growthtest.Conv("z", 3, 2, 1, 0, false), growthtest.Op("p2", nn.OpGlobalAvgPool)),
	}
	nets["transformer"] = transformer(t, nn.OpReLU)
	for name, between := range filteredSites {
		nodes := append([]nn.Node{growthtest.Conv("a", 3, 2, 1, 1, true)}, between...)
		nodes = append(nodes, growthtest.Conv("z", 3, 2, 1, 0, true), growthtest.Op("p", nn.OpGlobalAvgPool))
		nets[name] = growthtest.Chain(t, nn.Shape{C: 2, H: 6, W: 5}, nn.CrossEntropy, nodes...)
	}
	// the site's input is larger than the image
	nets["wide"] = growthtest.Chain(t, nn.Shape{C: 1, H: 4, W: 4}, nn.CrossEntropy, growthtest.Conv("w", 9, 3, 1, 1, true), growthtest.Op("rw", nn.OpReLU),
		growthtest.Conv("a", 3, 3, 1, 1, true), growthtest.Op("r", nn.OpReLU), growthtest.Conv("z", 2, 3, 1, 1, true), growthtest.Op("p", nn.OpGlobalAvgPool))
	for k1 := 1; k1 <= 3; k1++ {
		for k2 := 1; k2 <= 3; k2++ {
			s1, s2, p1, p2 := 1+k2%2, 1+k1%2, k1%3, k2-1
			nets[fmt.Sprintf("conv %d/%d/%d conv %d/%d/%d", k1, s1, p1, k2, s2, p2)] = growthtest.Chain(t, nn.Shape{C: 2, H: 6, W: 5}, nn.CrossEntropy,
				growthtest.Conv("a", 3, k1, s1, p1, true), growthtest.Op("r", nn.OpReLU), growthtest.Conv("z", 3, k2, s2, p2, true), growthtest.Op("p2", nn.OpGlobalAvgPool))
		}
	}
	return nets
}

// The statistics of all kinds of sites equal those of their definitions:
// unfold and T (P21 gives their meaning), S by count (P22), N from V_proj (P2).
func TestP22StatisticsOfSites(t *testing.T) {
	for name, g := range statisticsNets(t) {
		t.Run(name, func(t *testing.T) {
			m := growthtest.RandomModel(g, 3)
			bs := growthtest.Batches(g, 4, growthtest.Shards{Count: 2, Size: 40, Last: 37}) // two blocks each, the last lanes masked
			place, ok := site.Find(g, "a")
			if !ok {
				t.Fatal("no site")
			}
			want := naiveStatistics(t, m, place, bs)
			const tol = 1e-5 // chains of some thousand float32 products
			total := read(t, m, &measure.Request{Kind: measure.KindUpdate, Sites: []measure.SiteRequest{{Site: "a"}}}, bs)
			if total.Samples != want.n || total.Shards != 2 {
				t.Errorf("totals %+v", total.Totals)
			}
			up := total.Update(0)
			growthtest.Near(t, "S1", up.S1, want.s1, tol)
			growthtest.Near(t, "M", up.M, want.m, tol)
			growthtest.Close(t, "tr G", up.Desired, mat.Trace(want.g), tol)

			// any change of the weights projects; take a random one
			l, _ := site.LayoutOf(g, "a")
			delta := growthtest.Scaled(0.01, growthtest.Normal(9, l.Outputs, l.Outgoing.Rows()))
			proj := growthtest.Sub(want.v, growthtest.Mul(want.b1, delta.T()))
			for _, full := range []bool{false, true} {
				req := measure.SiteRequest{Site: "a", Full: full, Metric: true, Update: linalg.Float32s(delta)}
				got := read(t, m, &measure.Request{Kind: measure.KindNeurons, Sites: []measure.SiteRequest{req}}, bs).Neurons(0)
				growthtest.Close(t, "|V_proj|^2", got.Psi2, linalg.SumSquares(proj)/want.n, tol)
				diagonal := req
				diagonal.Metric, diagonal.Diagonal = false, true
				other := read(t, m, &measure.Request{Kind: measure.KindNeurons, Sites: []measure.SiteRequest{diagonal}}, bs).Neurons(0)
				growthtest.Near(t, "N beside the diagonal", other.N, got.N, tol)
				for i, v := range other.Diagonal {
					growthtest.Close(t, "diagonal", v, got.S.At(i, i), tol)
				}
				area := l.Outgoing.Area()
				full := full || l.Outgoing.Positions() == 1
				if !full {
					growthtest.Near(t, "S", got.S, growthtest.Scaled(1/want.n, growthtest.Mul(want.b2.T(), want.b2)), tol)
					growthtest.Near(t, "N", got.N, growthtest.Scaled(1/want.n, growthtest.Mul(want.b2.T(), proj)), tol)
					continue
				}
				growthtest.Near(t, "S full", got.S, growthtest.Scaled(1/want.n, growthtest.Mul(want.bt.T(), want.bt)), tol)
				// N (a, c E): column o*E + e
				rows, c := proj.Dims()
				_, a := want.bt.Dims()
				n := mat.NewDense(a, c*area, nil)
				for r := range rows {
					for e := range area {
						for i, b := range want.bt.RawRowView(r*area + e) {
							for o := range c {
								n.Set(i, o*area+e, n.At(i, o*area+e)+b*proj.At(r, o)/want.n)
							}
						}
					}
				}
				growthtest.Near(t, "N full", got.N, n, tol)
			}
		})
	}
}
