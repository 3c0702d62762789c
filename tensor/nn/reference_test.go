package nn

import (
	"math"

	"github.com/tinygrow/tinygrow/tensor"
)

// reference is the oracle of this package: the same networks in float64 with
// the most naive loops. Activations are [sample][c][y][x] flattened in c, y, x order.
type reference struct {
	g               *Graph
	shapes          map[NodeID]Shape
	params, buffers []float64
	mode            Mode
	values          map[NodeID][][]float64
	losses          []float64
}

func newReference(m *Model, mode Mode) *reference {
	r := &reference{g: m.Graph, shapes: m.Graph.mustShapes(), mode: mode}
	for _, v := range m.Params {
		r.params = append(r.params, float64(v))
	}
	for _, v := range m.Buffers {
		r.buffers = append(r.buffers, float64(v))
	}
	return r
}

func (r *reference) param(id NodeID, role string) []float64 {
	for _, e := range r.g.ParamEntries() {
		if e.Node == id && e.Role == role {
			return r.params[e.Offset : e.Offset+e.Len()]
		}
	}
	return nil
}

func (r *reference) buffer(id NodeID, role string) []float64 {
	for _, e := range r.g.BufferEntries() {
		if e.Node == id && e.Role == role {
			return r.buffers[e.Offset : e.Offset+e.Len()]
		}
	}
	return nil
}

// loss returns the sum of the samples' losses.
func (r *reference) loss(x [][]float64, labels []int32, targets [][]float64) float64 {
	r.values = map[NodeID][][]float64{r.g.Nodes[0].ID: x}
	for i := range r.g.Nodes[1:] {
		n := &r.g.Nodes[i+1]
		r.values[n.ID] = r.node(n)
	}
	r.losses = nil
	var sum float64
	for i, y := range r.values[r.g.Output().ID] {
		var l float64
		switch r.g.Loss {
		case MSE:
			for c := range y {
				l += (y[c] - targets[i][c]) * (y[c] - targets[i][c])
			}
		case BinaryCrossEntropy:
			for c := range y {
				p := 1 / (1 + math.Exp(-y[c]))
				l -= targets[i][c]*math.Log(p) + (1-targets[i][c])*math.Log(1-p)
			}
		default:
			top, z := math.Inf(-1), 0.0
			for _, v := range y {
				top = math.Max(top, v)
			}
			for _, v := range y {
				z += math.Exp(v - top)
			}
			l = math.Log(z) + top - y[labels[i]]
		}
		r.losses = append(r.losses, l)
		sum += l
	}
	return sum
}

func (r *reference) node(n *Node) [][]float64 {
	in := r.values[n.Inputs[0]]
	si, so := r.shapes[n.Inputs[0]], r.shapes[n.ID]
	out := make([][]float64, len(in))
	for i := range out {
		out[i] = make([]float64, so.Len())
	}
	each := func(f func(v float64) float64) {
		for i := range in {
			for j, v := range in[i] {
				out[i][j] = f(v)
			}
		}
	}
	// windows calls f for every output value with the input pixels (c, y, x) of its window that lie in the image.
	windows := func(k, stride, pad int, f func(i, o, c int, pixels []int)) {
		for i := range in {
			for c := range so.C {
				for y := range so.H {
					for x := range so.W {
						var pixels []int
						for ky := range k {
							for kx := range k {
								iy, ix := y*stride+ky-pad, x*stride+kx-pad
								if iy >= 0 && iy < si.H && ix >= 0 && ix < si.W {
									pixels = append(pixels, iy*si.W+ix)
								}
							}
						}
						f(i, (c*so.H+y)*so.W+x, c, pixels)
					}
				}
			}
		}
	}
	switch n.Op {
	case OpConv:
		r.conv(n, in, out, si, so)
	case OpLinear:
		w, b := r.param(n.ID, RoleWeight), r.param(n.ID, RoleBias)
		for i := range in {
			for o := range so.C {
				if b != nil {
					out[i][o] = b[o]
				}
				for j, v := range in[i] {
					out[i][o] += w[o*len(in[i])+j] * v
				}
			}
		}
	case OpBatchNorm:
		r.batchNorm(n, in, out, si)
	case OpIdentity, OpFlatten:
		each(func(v float64) float64 { return v })
	case OpMaxPool:
		windows(n.Kernel, n.Stride, n.Pad, func(i, o, c int, pixels []int) {
			out[i][o] = math.Inf(-1)
			for _, p := range pixels {
				out[i][o] = math.Max(out[i][o], in[i][c*si.H*si.W+p])
			}
		})
	case OpAvgPool:
		windows(n.Kernel, n.Stride, n.Pad, func(i, o, c int, pixels []int) {
			for _, p := range pixels {
				out[i][o] += in[i][c*si.H*si.W+p] / float64(n.Kernel*n.Kernel)
			}
		})
	case OpGlobalAvgPool:
		for i := range in {
			for j, v := range in[i] {
				out[i][j/(si.H*si.W)] += v / float64(si.H*si.W)
			}
		}
	case OpAdd:
		for _, id := range n.Inputs {
			for i, v := range r.values[id] {
				for j := range v {
					out[i][j] += v[j]
				}
			}
		}
	default:
		if f, ok := operationReferences[n.Op]; ok {
			f(r, n, out)
			break
		}
		f, ok := activationReferences[n.Op]
		if !ok {
			panic("no reference of " + string(n.Op))
		}
		each(f)
	}
	return out
}

func (r *reference) conv(n *Node, in, out [][]float64, si, so Shape) {
	w, b := r.param(n.ID, RoleWeight), r.param(n.ID, RoleBias)
	k := n.Kernel
	for i := range in {
		for o := range so.C {
			for y := range so.H {
				for x := range so.W {
					var sum float64
					if b != nil {
						sum = b[o]
					}
					for c := range si.C {
						for ky := range k {
							for kx := range k {
								iy, ix := y*n.Stride+ky-n.Pad, x*n.Stride+kx-n.Pad
								if iy >= 0 && iy < si.H && ix >= 0 && ix < si.W {
									sum += w[((o*si.C+c)*k+ky)*k+kx] * in[i][(c*si.H+iy)*si.W+ix]
								}
							}
						}
					}
					out[i][(o*so.H+y)*so.W+x] = sum
				}
			}
		}
	}
}

func (r *reference) batchNorm(n *Node, in, out [][]float64, s Shape) {
	gamma, beta := r.param(n.ID, RoleWeight), r.param(n.ID, RoleBias)
	pixels := s.H * s.W
	for c := range s.C {
		var mean, variance float64
		if r.mode == Eval {
			mean, variance = r.buffer(n.ID, RoleRunningMean)[c], r.buffer(n.ID, RoleRunningVar)[c]
		} else {
			count := float64(len(in) * pixels)
			for i := range in {
				for p := range pixels {
					mean += in[i][c*pixels+p] / count
				}
			}
			for i := range in {
				for p := range pixels {
					d := in[i][c*pixels+p] - mean
					variance += d * d / count
				}
			}
		}
		inv := 1 / math.Sqrt(variance+n.Eps)
		for i := range in {
			for p := range pixels {
				out[i][c*pixels+p] = gamma[c]*(in[i][c*pixels+p]-mean)*inv + beta[c]
			}
		}
	}
}

// lanesOf puts [sample][c,y,x] values into the layout (B, H, W, C, 32), with junk (not zero) nowhere: unused lanes are 0.
func lanesOf(dst []float32, values [][]float64, s Shape) {
	clear(dst)
	for i, v := range values {
		for j, x := range v {
			dst[laneIndex(i, j, s)] = float32(x)
		}
	}
}

// laneIndex returns where value j (c, y, x order) of sample i lies.
func laneIndex(i, j int, s Shape) int {
	c, p := j/(s.H*s.W), j%(s.H*s.W)
	return ((i/tensor.Lanes*s.H*s.W+p)*s.C+c)*tensor.Lanes + i%tensor.Lanes
}

// operationReferences are operations that add to an output of zeros in float64.
var operationReferences = map[Op]func(r *reference, n *Node, out [][]float64){}

// activationReferences are the activations in float64.
var activationReferences = map[Op]func(v float64) float64{
	OpReLU: func(v float64) float64 { return math.Max(v, 0) },
	OpGELU: func(v float64) float64 { return v / 2 * (1 + math.Erf(v/math.Sqrt2)) },
	OpTanh: math.Tanh,
}
