package nn

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/tinygrow/tinygrow/tensor"
)

// tilt is a layer with two parameters a channel: y = a x + b x^2 at every position.
type tilt struct{}

func (tilt) Plan(in Shape) (Shape, int, error) { return in, 2 * in.C, nil }

func (tilt) Start(_ Shape, params []float32, _ uint64) {
	for i := range params {
		params[i] = 1 - 0.75*float32(i%2)
	}
}

func (tilt) Forward(in Shape, y, x, params []float32) {
	for i, v := range x {
		c := i / tensor.Lanes % in.C
		y[i] = float32(params[2*c]*v) + float32(params[2*c+1]*float32(v*v))
	}
}

func (tilt) Backward(in Shape, dx, dparams, dy, x, params []float32) {
	for i, v := range x {
		c := i / tensor.Lanes % in.C
		dx[i] = dy[i] * (params[2*c] + float32(2*params[2*c+1]*v))
		if dparams != nil {
			dparams[2*c] += float32(dy[i] * v)
			dparams[2*c+1] += float32(dy[i] * float32(v*v))
		}
	}
}

// soft is softsign, an activation with one parameter for all channels.
type soft struct{}

func (soft) Plan(in Shape) (Shape, int, error) { return in, 1, nil }
func (soft) Activation() Activation            { return Activation{} }
func (soft) Start(_ Shape, p []float32, _ uint64) {
	p[0] = 1
}

func (soft) Forward(_ Shape, y, x, p []float32) {
	for i, v := range x {
		y[i] = float32(p[0]*v) / (1 + float32(math.Abs(float64(v))))
	}
}

func (soft) Backward(_ Shape, dx, dp, dy, x, p []float32) {
	for i, v := range x {
		d := 1 + float32(math.Abs(float64(v)))
		dx[i] = float32(dy[i]*p[0]) / float32(d*d)
		if dp != nil {
			dp[0] += float32(dy[i]*v) / d
		}
	}
}

// two hands the first two channels on.
type two struct{ tilt }

func (two) Takes() Shape { return Shape{3, 2, 2} }

func (two) Plan(in Shape) (Shape, int, error) { return Shape{min(in.C, 2), in.H, in.W}, 0, nil }

func (two) Forward(in Shape, y, x, _ []float32) {
	for i := range in.H * in.W {
		copy(y[i*2*tensor.Lanes:][:2*tensor.Lanes], x[i*in.C*tensor.Lanes:])
	}
}

func (two) Backward(in Shape, dx, _, dy, _, _ []float32) {
	clear(dx)
	for i := range in.H * in.W {
		copy(dx[i*in.C*tensor.Lanes:], dy[i*2*tensor.Lanes:][:2*tensor.Lanes])
	}
}

var opTilt, opSoft, opTwo = Register("test_tilt", tilt{}), Register("test_soft", soft{}), Register("test_two", two{})

func init() {
	operationReferences[opTilt] = func(r *reference, n *Node, out [][]float64) {
		p := r.param(n.ID, RoleWeight)
		for i, x := range r.values[n.Inputs[0]] {
			area := len(x) / r.shapes[n.Inputs[0]].C
			for j, v := range x {
				out[i][j] = p[2*(j/area)]*v + p[2*(j/area)+1]*v*v
			}
		}
	}
	operationReferences[opSoft] = func(r *reference, n *Node, out [][]float64) {
		p := r.param(n.ID, RoleWeight)
		for i, x := range r.values[n.Inputs[0]] {
			for j, v := range x {
				out[i][j] = p[0] * v / (1 + math.Abs(v))
			}
		}
	}
	operationReferences[opTwo] = func(r *reference, n *Node, out [][]float64) {
		for i, x := range r.values[n.Inputs[0]] {
			copy(out[i], x)
		}
	}
}

// What a program registers has a place in everything: shapes, gradients (by finite differences, with
// those of all small graphs), the fingerprint, files of networks.
func TestOwnLayers(t *testing.T) {
	if opTilt.Role() != Couples || opSoft.Role() != Activates || !opTwo.Own() || OpReLU.Own() || Op("nope").Own() {
		t.Error("layers of a program's own have other roles, or are taken for ours")
	}
	text := "input: {channels: 3, height: 4, width: 4}\nclasses: 2\nlayers:\n  c: {conv2d: {out: 4, kernel: 3}}\n  t: test_tilt\n" +
		"  s: test_soft\n  flat: flatten\n  f: {linear: {out: classes}}\n"
	g, err := Build(ModelConfig{Name: "own.yaml", Text: text, Input: Shape{3, 4, 4}, Classes: 2})
	if err != nil {
		t.Fatal(err)
	}
	m := Init(g, 1)
	if e := ByName(g.ParamEntries())["t.weight"]; !slices.Equal(e.Of(m.Params)[:4], []float32{1, 0.25, 1, 0.25}) {
		t.Errorf("its parameters start at %v", e.Of(m.Params))
	}
	if again, err := ParseGraph(g.JSON()); err != nil || again.NumParams() != g.NumParams() {
		t.Errorf("read again: %v", err)
	}
	if g.Nodes[2].Op = "test_missing"; !strings.Contains(g.Validate().Error(), "nn.Register") {
		t.Errorf("a layer that is not registered: %v", g.Validate())
	}
}

// A worker that computes a layer of one's own otherwise, or lacks it, is told by its fingerprint.
func TestOwnLayersAreInTheFingerprint(t *testing.T) {
	with := Fingerprint()
	kept := operations[opTilt]
	defer func() {
		operations[opTilt] = kept
		allProbes.known.Clear()
	}()
	operations[opTilt] = &ownOp{layer: soft{}, name: opTilt, example: Shape{8, 4, 4}}
	allProbes.known.Clear()
	if Fingerprint() == with {
		t.Error("another function has the same fingerprint")
	}
	delete(operations, opTilt)
	allProbes.known.Clear()
	if without := Fingerprint(); without == with || CommonFingerprint() == "" {
		t.Error("no layer has the same fingerprint")
	}
}

// A layer that contradicts itself is refused when it is registered.
func TestRegisterRefuses(t *testing.T) {
	for why, do := range map[string]func(){
		"a name that is taken":                               func() { Register("relu", tilt{}) },
		"a name of other signs":                              func() { Register("My Layer", tilt{}) },
		"no shape that it takes":                             func() { Register("test_none", never{}) },
		"an activation whose parameters follow the channels": func() { Register("test_wide", wide{}) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s is taken", why)
				}
			}()
			do()
		}()
	}
	for _, name := range []Op{"test_none", "test_wide", "My Layer"} {
		if _, known := operations[name]; known {
			t.Errorf("%s was refused and is there", name)
		}
	}
}

type never struct{ tilt }

func (never) Takes() Shape { return Shape{} }

type wide struct{ tilt }

func (wide) Activation() Activation { return Activation{} }
