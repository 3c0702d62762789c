package growth

import (
	"fmt"
	"math"
	"testing"

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

// value reads element (c, y, x) of sample i; zero outside.
func value(x []float32, s nn.Shape, i, c, y, col int) float64 {
	if y < 0 || col < 0 || y >= s.H || col >= s.W {
		return 0
	}
	return float64(x[((((i/32)*s.H+y)*s.W+col)*s.C+c)*32+i%32])
}

// naiveUnfold returns the unfold of sample i at output (oy, ox).
func naiveUnfold(x []float32, in nn.Shape, i, k, kw, stride, pad int, bias bool, oy, ox int) []float64 {
	var row []float64
	for c := range in.C {
		for ky := range k {
			for kx := range kw {
				row = append(row, value(x, in, i, c, oy*stride-pad+ky, ox*stride-pad+kx))
			}
		}
	}
	if bias {
		row = append(row, 1)
	}
	return row
}

// geometry of a layer in PyTorch's terms
func kernelOf(n *nn.Node, in nn.Shape) (kh, kw, stride, pad int) {
	if n.Op == nn.OpLinear {
		return in.H, in.W, 1, 0
	}
	return n.Kernel, n.Kernel, n.Stride, n.Pad
}

// linearPath pools maps (position, row) by the operations between, as averages.
func linearPath(g *nn.Graph, site Site, shapes map[nn.NodeID]nn.Shape, maps [][]float64) [][]float64 {
	at := shapes[site.First]
	for _, id := range site.Between {
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
			at = out
			continue
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
							if n.Op == nn.OpAvgPool {
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

func naiveStatistics(t *testing.T, m *nn.Model, site Site, bs []*nn.Batch) naive {
	t.Helper()
	g := m.Graph
	shapes, _ := g.Shapes()
	first, second := g.Node(site.First), g.Node(site.Second)
	in, hidden := shapes[first.Inputs[0]], shapes[second.Inputs[0]]
	p, err := nn.Compile(g, len(bs[0].Labels), nn.Options{Keep: []nn.NodeID{first.Inputs[0], second.Inputs[0], second.ID}})
	if err != nil {
		t.Fatal(err)
	}
	w, pk, grad := p.NewWorkspace(), p.Pack(nil, m.Params), make([]float32, g.NumParams())
	kh1, kw1, s1, p1 := kernelOf(first, in)
	kh2, kw2, s2, p2 := kernelOf(second, hidden)
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
			var maps [][]float64
			for y := range mid.H {
				for c := range mid.W {
					maps = append(maps, naiveUnfold(x, in, i, kh1, kw1, s1, p1, first.Bias, y, c))
				}
			}
			maps = linearPath(g, site, shapes, maps)
			for oy := range out.H {
				for ox := range out.W {
					b1 = append(b1, naiveUnfold(h, hidden, i, kh2, kw2, s2, p2, second.Bias, oy, ox))
					vrow := make([]float64, out.C)
					for c := range vrow {
						vrow[c] = -value(gz, out, i, c, oy, ox)
					}
					v = append(v, vrow)
					for ky := range kh2 {
						for kx := range kw2 {
							y, c := oy*s2-p2+ky, ox*s2-p2+kx
							row := make([]float64, len(maps[0]))
							if y >= 0 && c >= 0 && y < hidden.H && c < hidden.W {
								row = maps[y*hidden.W+c]
							}
							bt = append(bt, row)
							if ky == kh2/2 && kx == kw2/2 {
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
	r.s1, r.m, r.g = scaled(1/n, mul(r.b1.T(), r.b1)), scaled(1/n, mul(r.b1.T(), r.v)), scaled(1/n, mul(r.v.T(), r.v))
	return r
}

// statisticsNets are graphs with a site "a" whose statistics are checked.
func statisticsNets(t *testing.T) map[string]*nn.Graph {
	nets := map[string]*nn.Graph{
		"mlp":                chain(t, nn.Shape{C: 5, H: 1, W: 1}, nn.CrossEntropy, linear("a", 4, true), op("r", nn.OpReLU), linear("z", 3, true)),
		"mlp without biases": chain(t, nn.Shape{C: 5, H: 1, W: 1}, nn.MSE, linear("a", 4, false), op("r", nn.OpTanh), linear("z", 3, false)),
		"linear on an image": chain(t, nn.Shape{C: 2, H: 3, W: 4}, nn.CrossEntropy, linear("a", 4, true), op("r", nn.OpGELU), linear("z", 3, true)),
		"zero width":         chain(t, nn.Shape{C: 5, H: 1, W: 1}, nn.CrossEntropy, linear("a", 0, true), op("r", nn.OpReLU), linear("z", 3, true)),
		"flatten": chain(t, nn.Shape{C: 2, H: 5, W: 5}, nn.CrossEntropy, conv("a", 3, 3, 1, 1, true), op("r", nn.OpReLU),
			pooling("p", nn.OpMaxPool, 2, 2, 0), op("f", nn.OpFlatten), linear("z", 3, true)),
		"global pool": chain(t, nn.Shape{C: 2, H: 5, W: 5}, nn.CrossEntropy, conv("a", 3, 3, 1, 1, true), norm("n"), op("r", nn.OpReLU),
			op("p", nn.OpGlobalAvgPool), linear("z", 3, true)),
		"average pool, padded": chain(t, nn.Shape{C: 2, H: 6, W: 6}, nn.CrossEntropy, conv("a", 3, 3, 1, 0, true), op("r", nn.OpReLU),
			pooling("p", nn.OpAvgPool, 3, 2, 1), conv("z", 3, 2, 1, 1, true), op("p2", nn.OpGlobalAvgPool)),
		"max pool, padded": chain(t, nn.Shape{C: 2, H: 6, W: 6}, nn.CrossEntropy, conv("a", 3, 3, 1, 0, false), norm("n"), op("r", nn.OpReLU),
			pooling("p", nn.OpMaxPool, 3, 2, 1), conv("z", 3, 2, 1, 0, false), op("p2", nn.OpGlobalAvgPool)),
	}
	// the site's input is larger than the image
	nets["wide"] = chain(t, nn.Shape{C: 1, H: 4, W: 4}, nn.CrossEntropy, conv("w", 9, 3, 1, 1, true), op("rw", nn.OpReLU),
		conv("a", 3, 3, 1, 1, true), op("r", nn.OpReLU), conv("z", 2, 3, 1, 1, true), op("p", nn.OpGlobalAvgPool))
	for k1 := 1; k1 <= 3; k1++ {
		for k2 := 1; k2 <= 3; k2++ {
			s1, s2, p1, p2 := 1+k2%2, 1+k1%2, k1%3, k2-1
			nets[fmt.Sprintf("conv %d/%d/%d conv %d/%d/%d", k1, s1, p1, k2, s2, p2)] = chain(t, nn.Shape{C: 2, H: 6, W: 5}, nn.CrossEntropy,
				conv("a", 3, k1, s1, p1, true), op("r", nn.OpReLU), conv("z", 3, k2, s2, p2, true), op("p2", nn.OpGlobalAvgPool))
		}
	}
	return nets
}

// asFloat32 returns a row-major copy.
func asFloat32(m *mat.Dense) []float32 {
	r, c := m.Dims()
	out := make([]float32, 0, r*c)
	for i := range r {
		for _, v := range m.RawRowView(i) {
			out = append(out, float32(v))
		}
	}
	return out
}

// The statistics of all kinds of sites equal those of their definitions:
// unfold and T (P21 gives their meaning), S by count (P22), N from V_proj (P2).
func TestP22StatisticsOfSites(t *testing.T) {
	for name, g := range statisticsNets(t) {
		t.Run(name, func(t *testing.T) {
			m := randomModel(g, 3)
			bs := batches(g, 4, 2, 40, 37) // two blocks each, the last lanes masked
			site, ok := siteOf(g, "a")
			if !ok {
				t.Fatal("no site")
			}
			want := naiveStatistics(t, m, site, bs)
			const tol = 1e-5 // chains of some thousand float32 products
			total := read(t, m, &Request{Kind: KindUpdate, Sites: []SiteRequest{{Site: "a"}}}, bs)
			if total.Samples != want.n || total.Shards != 2 {
				t.Errorf("totals %+v", total.Totals)
			}
			up := total.Update(0)
			near(t, "S1", up.S1, want.s1, tol)
			near(t, "M", up.M, want.m, tol)
			close(t, "tr G", up.Desired, mat.Trace(want.g), tol)

			// any change of the weights projects; take a random one
			l, _ := layoutOf(g, "a")
			delta := scaled(0.01, normal(9, l.outputs, l.second.rows()))
			proj := sub(want.v, mul(want.b1, delta.T()))
			for _, full := range []bool{false, true} {
				req := SiteRequest{Site: "a", Full: full, Metric: true, Update: asFloat32(delta)}
				got := read(t, m, &Request{Kind: KindNeurons, Sites: []SiteRequest{req}}, bs).Neurons(0)
				close(t, "|V_proj|^2", got.Psi2, linalg.SumSquares(proj)/want.n, tol)
				diagonal := req
				diagonal.Metric, diagonal.Diagonal = false, true
				other := read(t, m, &Request{Kind: KindNeurons, Sites: []SiteRequest{diagonal}}, bs).Neurons(0)
				near(t, "N beside the diagonal", other.N, got.N, tol)
				for i, v := range other.Diagonal {
					close(t, "diagonal", v, got.S.At(i, i), tol)
				}
				area := l.second.area()
				full := full || l.second.positions() == 1
				if !full {
					near(t, "S", got.S, scaled(1/want.n, mul(want.b2.T(), want.b2)), tol)
					near(t, "N", got.N, scaled(1/want.n, mul(want.b2.T(), proj)), tol)
					continue
				}
				near(t, "S full", got.S, scaled(1/want.n, mul(want.bt.T(), want.bt)), tol)
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
				near(t, "N full", got.N, n, tol)
			}
		})
	}
}

// P21: with the identity between, conv(conv(x)) is the sum over offsets of
// Omega (Bt . alpha), bias right at padded borders, any stride and padding.
func TestP21UnfoldAndMaskReproduceConvolutions(t *testing.T) {
	for k1 := 1; k1 <= 3; k1++ {
		for k2 := 1; k2 <= 3; k2++ {
			for stride := 1; stride <= 2; stride++ {
				for pad := range 3 {
					g := chain(t, nn.Shape{C: 2, H: 7, W: 7}, nn.CrossEntropy, conv("a", 3, k1, stride, pad, true), op("i", nn.OpIdentity),
						conv("z", 2, k2, 3-stride, 2-pad, false), op("p", nn.OpGlobalAvgPool))
					checkMask(t, g)
				}
			}
		}
	}
}

func checkMask(t *testing.T, g *nn.Graph) {
	t.Helper()
	s, err := newSiteData(g, SiteRequest{Site: "a", Full: true})
	if err != nil {
		t.Fatal(err)
	}
	x := asFloat32(normal(1, s.first.in.Len(), 32))
	alpha, omega := normal(2, 3, s.a), normal(3, s.c, 3*s.second.area())
	// conv(conv(x)) by loops over its definition
	mid := nn.Shape{C: 3, H: s.first.oh, W: s.first.ow}
	hidden := func(i, k, y, c int) float64 {
		if y < 0 || c < 0 || y >= mid.H || c >= mid.W {
			return 0
		}
		return mat.Dot(alpha.RowView(k), mat.NewVecDense(s.a, naiveUnfold(x, s.first.in, i, s.first.kh, s.first.kw, s.first.stride, s.first.pad, true, y, c)))
	}
	for _, i := range []int{0, 31} {
		for j := range s.second.positions() {
			oy, ox := j/s.second.ow, j%s.second.ow
			for o := range s.c {
				var want, got float64
				for k := range 3 {
					for e := range s.second.area() {
						om := omega.At(o, k*s.second.area()+e)
						want += om * hidden(i, k, oy*s.second.stride-s.second.pad+e/s.second.kw, ox*s.second.stride-s.second.pad+e%s.second.kw)
						if p := s.second.reads(j, e); p >= 0 {
							bt := make([]float32, s.a*lanes)
							s.addSources(bt, lanes, x, p, lanes)
							for r := range s.a {
								got += om * alpha.At(k, r) * float64(bt[r*lanes+i])
							}
						}
					}
				}
				if math.Abs(got-want) > 1e-12*(1+math.Abs(want)) {
					t.Fatalf("sample %d, position %d, output %d: %g, want %g", i, j, o, got, want)
				}
			}
		}
	}
}
