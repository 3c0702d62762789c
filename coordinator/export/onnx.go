package export

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"math"
	"os"
	"slices"
	"strconv"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/tinygrow/tinygrow/tensor/nn"
)

// The messages of onnx.proto3 (IR version 8), by the numbers of their fields.
const (
	irVersion = 8
	opset     = 17

	modelIR, modelProducer, modelGraph, modelOpset, modelProperty        = 1, 2, 7, 8, 14
	graphNode, graphName, graphInitializer, graphInput, graphOutput      = 1, 2, 5, 11, 12
	nodeInput, nodeOutput, nodeName, nodeOp, nodeAttribute               = 1, 2, 3, 4, 5
	attributeName, attributeFloat, attributeInt, attributeInts, attrType = 1, 2, 3, 8, 20
	tensorDims, tensorType, tensorName, tensorRaw                        = 1, 2, 8, 9

	typeFloat, typeInts, typeInt = 1, 7, 2 // types of an attribute
	elementFloat, elementInt64   = 1, 7    // types of a tensor's elements
)

// message is a protobuf message that is being written.
type message []byte

func (m *message) number(field protowire.Number, v uint64) {
	*m = protowire.AppendVarint(protowire.AppendTag(*m, field, protowire.VarintType), v)
}

func (m *message) bytes(field protowire.Number, v []byte) {
	*m = protowire.AppendBytes(protowire.AppendTag(*m, field, protowire.BytesType), v)
}

func (m *message) text(field protowire.Number, v string) { m.bytes(field, []byte(v)) }

// attribute is one of an operator: int, []int or float32.
type attribute struct {
	name  string
	value any
}

// encode returns the attribute as a message.
func (a attribute) encode() message {
	var m message
	m.text(attributeName, a.name)
	switch v := a.value.(type) {
	case int:
		m.number(attributeInt, uint64(v))
		m.number(attrType, typeInt)
	case []int:
		for _, i := range v {
			m.number(attributeInts, uint64(i))
		}
		m.number(attrType, typeInts)
	case float32:
		m = protowire.AppendTag(m, attributeFloat, protowire.Fixed32Type)
		m = protowire.AppendFixed32(m, math.Float32bits(v))
		m.number(attrType, typeFloat)
	}
	return m
}

// onnxGraph is a graph that is being written. Values of a node of ours are called
// by its id; features are (N, C) behind a linear layer and (N, C, H, W) elsewhere.
type onnxGraph struct {
	message
	model  *nn.Model
	shapes map[nn.NodeID]nn.Shape
	value  map[nn.NodeID]string // name of what a node gives
	flat   map[string]bool      // whether a value is (N, C)
	made   int                  // values in between
	ready  map[string]bool      // initializers
}

// onnxOp is the name of one of ONNX's operators.
type onnxOp string

// operator writes a node that gives the value called out.
func (g *onnxGraph) operator(op onnxOp, out string, inputs []string, attributes ...attribute) string {
	var m message
	for _, in := range inputs {
		m.text(nodeInput, in)
	}
	m.text(nodeOutput, out)
	m.text(nodeName, out)
	m.text(nodeOp, string(op))
	for _, a := range attributes {
		m.bytes(nodeAttribute, a.encode())
	}
	g.bytes(graphNode, m)
	return out
}

// between returns a name for a value of no node of ours. Ids have no slash.
func (g *onnxGraph) between(id nn.NodeID) string {
	g.made++
	return string(id) + "/" + strconv.Itoa(g.made)
}

// initializer writes a tensor, once.
func (g *onnxGraph) initializer(name string, element uint64, shape []int, raw []byte) string {
	if !g.ready[name] {
		g.ready[name] = true
		var m message
		for _, d := range shape {
			m.number(tensorDims, uint64(d))
		}
		m.number(tensorType, element)
		m.text(tensorName, name)
		m.bytes(tensorRaw, raw)
		g.bytes(graphInitializer, m)
	}
	return name
}

// scalar writes a number that formulas read.
func (g *onnxGraph) scalar(name string, v float32) string {
	return g.initializer("constant/"+name, elementFloat, nil, binary.LittleEndian.AppendUint32(nil, math.Float32bits(v)))
}

// picture returns a value as (N, C, H, W).
func (g *onnxGraph) picture(name string, id nn.NodeID) string {
	if !g.flat[name] {
		return name
	}
	return g.operator("Unsqueeze", g.between(id), []string{name, g.whole("axes", 2, 3)})
}

// whole writes whole numbers that operators read.
func (g *onnxGraph) whole(name string, values ...int) string {
	var raw []byte
	for _, v := range values {
		raw = binary.LittleEndian.AppendUint64(raw, uint64(v))
	}
	return g.initializer("constant/"+name, elementInt64, []int{len(values)}, raw)
}

// normalised returns x less its mean over one axis, by its deviation there.
func (g *onnxGraph) normalised(n *nn.Node, x string, axis int) string {
	mean := func(of string) string {
		return g.operator("ReduceMean", g.between(n.ID), []string{of}, attribute{"axes", []int{axis}})
	}
	d := g.operator("Sub", g.between(n.ID), []string{x, mean(x)})
	variance := mean(g.operator("Mul", g.between(n.ID), []string{d, d}))
	sum := g.operator("Add", g.between(n.ID), []string{variance, g.scalar("eps/"+string(n.ID), float32(n.Eps))})
	return g.operator("Div", g.between(n.ID), []string{d, g.operator("Sqrt", g.between(n.ID), []string{sum})})
}

// affine writes weight x + bias of each channel of (N, C, H, W) as the value of n.
func (g *onnxGraph) affine(n *nn.Node, x string) string {
	scaled := g.operator("Mul", g.between(n.ID), []string{x, g.channels(n, nn.RoleWeight)})
	return g.operator("Add", string(n.ID), []string{scaled, g.channels(n, nn.RoleBias)})
}

// channels returns a tensor with a value for each channel as (C, 1, 1).
func (g *onnxGraph) channels(n *nn.Node, role string) string {
	return g.operator("Unsqueeze", g.between(n.ID), []string{string(n.ID) + "." + role, g.whole("trailing", 1, 2)})
}

// features returns a value as (N, features), those of channels, rows and columns in this order.
func (g *onnxGraph) features(name string, id nn.NodeID) string {
	if g.flat[name] {
		return name
	}
	return g.operator("Flatten", g.between(id), []string{name}, attribute{"axis", 1})
}

// window are the attributes of a window that slides.
func window(n *nn.Node) []attribute {
	return []attribute{{"kernel_shape", []int{n.Kernel, n.Kernel}}, {"strides", []int{n.Stride, n.Stride}},
		{"pads", []int{n.Pad, n.Pad, n.Pad, n.Pad}}}
}

// parameters returns the names of a node's tensors that there are, in this order.
func (g *onnxGraph) parameters(id nn.NodeID, roles ...string) []string {
	var names []string
	for _, role := range roles {
		if name := string(id) + "." + role; g.ready[name] {
			names = append(names, name)
		}
	}
	return names
}

// operators writes what a node computes from x, the value that it reads first, and returns the value
// that comes out. Every operation has an entry; a test says which has none.
var operators = map[nn.Op]func(g *onnxGraph, n *nn.Node, x string) string{
	nn.OpInput:    nil,
	nn.OpIdentity: same,
	nn.OpFlatten:  same,
	nn.OpConv: func(g *onnxGraph, n *nn.Node, x string) string {
		in := append([]string{g.picture(x, n.ID)}, g.parameters(n.ID, nn.RoleWeight, nn.RoleBias)...)
		return g.operator("Conv", string(n.ID), in, window(n)...)
	},
	nn.OpDepthwise: func(g *onnxGraph, n *nn.Node, x string) string {
		in := append([]string{g.picture(x, n.ID)}, g.parameters(n.ID, nn.RoleWeight, nn.RoleBias)...)
		return g.operator("Conv", string(n.ID), in, append(window(n), attribute{"group", g.shapes[n.ID].C})...)
	},
	nn.OpLinear: func(g *onnxGraph, n *nn.Node, x string) string {
		in := append([]string{g.features(x, n.ID)}, g.parameters(n.ID, nn.RoleWeight, nn.RoleBias)...)
		g.flat[string(n.ID)] = true
		return g.operator("Gemm", string(n.ID), in, attribute{"transB", 1})
	},
	nn.OpBatchNorm: func(g *onnxGraph, n *nn.Node, x string) string {
		in := append([]string{x}, g.parameters(n.ID, nn.RoleWeight, nn.RoleBias, nn.RoleRunningMean, nn.RoleRunningVar)...)
		return g.alike("BatchNormalization", n, in, attribute{"epsilon", float32(n.Eps)})
	},
	nn.OpLayerNorm: func(g *onnxGraph, n *nn.Node, x string) string {
		return g.affine(n, g.normalised(n, g.picture(x, n.ID), 1))
	},
	nn.OpGroupNorm: func(g *onnxGraph, n *nn.Node, x string) string {
		s := g.shapes[n.ID]
		groups := g.operator("Reshape", g.between(n.ID), []string{x, g.whole("groups/"+string(n.ID), 0, n.Groups, -1)})
		groups = g.normalised(n, groups, 2)
		return g.affine(n, g.operator("Reshape", g.between(n.ID), []string{groups, g.whole("shape/"+string(n.ID), 0, s.C, s.H, s.W)}))
	},
	nn.OpGroupedConv: func(g *onnxGraph, n *nn.Node, x string) string {
		in := append([]string{g.picture(x, n.ID)}, g.parameters(n.ID, nn.RoleWeight, nn.RoleBias)...)
		return g.operator("Conv", string(n.ID), in, append(window(n), attribute{"group", n.Groups})...)
	},
	nn.OpConv1d: func(g *onnxGraph, n *nn.Node, x string) string {
		weight := g.operator("Unsqueeze", g.between(n.ID), []string{string(n.ID) + "." + nn.RoleWeight, g.whole("column", 3)})
		in := append([]string{g.picture(x, n.ID), weight}, g.parameters(n.ID, nn.RoleBias)...)
		return g.operator("Conv", string(n.ID), in, attribute{"kernel_shape", []int{n.Kernel, 1}}, attribute{"strides", []int{n.Stride, 1}},
			attribute{"pads", []int{n.Pad, 0, n.Pad, 0}}, attribute{"group", n.Groups})
	},
	nn.OpLayerScale: func(g *onnxGraph, n *nn.Node, x string) string {
		return g.operator("Mul", string(n.ID), []string{g.picture(x, n.ID), g.channels(n, nn.RoleWeight)})
	},
	nn.OpPositional: func(g *onnxGraph, n *nn.Node, x string) string {
		s := g.shapes[n.ID]
		turned := g.operator("Transpose", g.between(n.ID), []string{string(n.ID) + "." + nn.RoleWeight}, attribute{"perm", []int{1, 0}})
		shaped := g.operator("Reshape", g.between(n.ID), []string{turned, g.whole("shape/"+string(n.ID), s.C, s.H, s.W)})
		return g.operator("Add", string(n.ID), []string{g.picture(x, n.ID), shaped})
	},
	nn.OpMultiply: func(g *onnxGraph, n *nn.Node, x string) string {
		return g.operator("Mul", string(n.ID), []string{g.picture(x, n.ID), g.picture(g.value[n.Inputs[1]], n.ID)})
	},
	nn.OpConcat: func(g *onnxGraph, n *nn.Node, _ string) string {
		var in []string
		for _, id := range n.Inputs {
			in = append(in, g.picture(g.value[id], n.ID))
		}
		return g.operator("Concat", string(n.ID), in, attribute{"axis", 1})
	},
	nn.OpAttention:   attention,
	nn.OpDropout:     same,
	nn.OpSigmoid:     func(g *onnxGraph, n *nn.Node, x string) string { return g.alike("Sigmoid", n, []string{x}) },
	nn.OpHardSwish:   func(g *onnxGraph, n *nn.Node, x string) string { return g.alike("HardSwish", n, []string{x}) },
	nn.OpHardSigmoid: hardSigmoid,
	nn.OpReLU:        func(g *onnxGraph, n *nn.Node, x string) string { return g.alike("Relu", n, []string{x}) },
	nn.OpTanh:        func(g *onnxGraph, n *nn.Node, x string) string { return g.alike("Tanh", n, []string{x}) },
	nn.OpSiLU: func(g *onnxGraph, n *nn.Node, x string) string {
		return g.alike("Mul", n, []string{x, g.operator("Sigmoid", g.between(n.ID), []string{x})})
	},
	nn.OpGELU: func(g *onnxGraph, n *nn.Node, x string) string { // x/2 (1 + erf(x / sqrt 2)); opset 17 has no operator for it
		scaled := g.operator("Mul", g.between(n.ID), []string{x, g.scalar("root_half", math.Sqrt2/2)})
		erf := g.operator("Erf", g.between(n.ID), []string{scaled})
		part := g.operator("Add", g.between(n.ID), []string{erf, g.scalar("one", 1)})
		half := g.operator("Mul", g.between(n.ID), []string{x, g.scalar("half", 0.5)})
		g.flat[string(n.ID)] = g.flat[x]
		return g.operator("Mul", string(n.ID), []string{half, part})
	},
	nn.OpMaxPool: func(g *onnxGraph, n *nn.Node, x string) string {
		return g.operator("MaxPool", string(n.ID), []string{g.picture(x, n.ID)}, window(n)...)
	},
	nn.OpAvgPool: func(g *onnxGraph, n *nn.Node, x string) string {
		padded := append(window(n), attribute{"count_include_pad", 1})
		return g.operator("AveragePool", string(n.ID), []string{g.picture(x, n.ID)}, padded...)
	},
	nn.OpGlobalAvgPool: func(g *onnxGraph, n *nn.Node, x string) string {
		return g.operator("GlobalAveragePool", string(n.ID), []string{g.picture(x, n.ID)})
	},
	nn.OpAdd: func(g *onnxGraph, n *nn.Node, _ string) string {
		var in []string
		flat := true
		for _, id := range n.Inputs {
			flat = flat && g.flat[g.value[id]]
		}
		for _, id := range n.Inputs {
			if x := g.value[id]; flat {
				in = append(in, x)
			} else {
				in = append(in, g.picture(x, n.ID))
			}
		}
		return g.alike("Sum", n, in)
	},
}

// attention writes softmax(scale k' q) over the keys, then v times that, for heads of (channels, tokens).
func attention(g *onnxGraph, n *nn.Node, _ string) string {
	var in [3]string
	for i, id := range n.Inputs {
		heads := g.whole(fmt.Sprintf("heads/%s/%d", n.ID, i), 0, n.Heads, g.shapes[id].C/n.Heads, -1)
		in[i] = g.operator("Reshape", g.between(n.ID), []string{g.picture(g.value[id], n.ID), heads})
	}
	scale := n.Scale
	if scale == 0 {
		scale = 1 / math.Sqrt(float64(g.shapes[n.Inputs[0]].C/n.Heads))
	}
	keys := g.operator("Transpose", g.between(n.ID), []string{in[1]}, attribute{"perm", []int{0, 1, 3, 2}})
	scores := g.operator("MatMul", g.between(n.ID), []string{keys, in[0]})
	scaled := g.operator("Mul", g.between(n.ID), []string{scores, g.scalar("scale/"+string(n.ID), float32(scale))})
	shares := g.operator("Softmax", g.between(n.ID), []string{scaled}, attribute{"axis", 2})
	out := g.operator("MatMul", g.between(n.ID), []string{in[2], shares})
	s := g.shapes[n.ID]
	return g.operator("Reshape", string(n.ID), []string{out, g.whole("shape/"+string(n.ID), 0, s.C, s.H, s.W)})
}

func hardSigmoid(g *onnxGraph, n *nn.Node, x string) string {
	return g.alike("HardSigmoid", n, []string{x}, attribute{"alpha", float32(1. / 6)}, attribute{"beta", float32(0.5)})
}

func same(_ *onnxGraph, _ *nn.Node, x string) string { return x }

// alike writes an operator whose output has the shape of its first input.
func (g *onnxGraph) alike(op onnxOp, n *nn.Node, in []string, attributes ...attribute) string {
	g.flat[string(n.ID)] = g.flat[in[0]]
	return g.operator(op, string(n.ID), in, attributes...)
}

// valueInfo describes the graph's input or output: floats of any number of samples.
func valueInfo(name string, dims ...int) message {
	var shape, n message
	n.text(2, "N")
	shape.bytes(1, n)
	for _, d := range dims {
		var dim message
		dim.number(1, uint64(d))
		shape.bytes(1, dim)
	}
	var kind, typ, m message
	kind.number(1, elementFloat)
	kind.bytes(2, shape)
	typ.bytes(1, kind)
	m.text(1, name)
	m.bytes(2, typ)
	return m
}

// Names of the input and the output of an ONNX file.
const (
	onnxIn  = "image"
	onnxOut = "logits"
)

// maxONNX is what a protobuf message may hold.
const maxONNX = math.MaxInt32

// writeONNX writes a model of opset 17 in one file.
func writeONNX(s *Source, path string) error {
	m := s.Model
	if err := errors.Join(hasWidths(m), hasNoOwn(m)); err != nil {
		return err
	}
	if size := 4 * (len(m.Params) + len(m.Buffers)); size > maxONNX-1<<20 {
		return fmt.Errorf("%w: it has %d bytes of values, a file may have %d: take the format safetensors", ErrCannot, size, maxONNX)
	}
	shapes, err := m.Graph.Shapes()
	if err != nil {
		return err
	}
	g := &onnxGraph{model: m, shapes: shapes, value: map[nn.NodeID]string{}, flat: map[string]bool{}, ready: map[string]bool{}}
	for _, e := range entries(m) {
		g.initializer(e.Name, elementFloat, e.Shape, e.bytes())
	}
	for i := range m.Graph.Nodes {
		n := &m.Graph.Nodes[i]
		write, known := operators[n.Op]
		switch {
		case i == 0:
			g.value[n.ID] = onnxIn
		case !known:
			return fmt.Errorf("%w: no operator is known for %s (%s)", ErrCannot, n.ID, n.Op)
		default:
			g.value[n.ID] = write(g, n, g.value[n.Inputs[0]])
		}
	}
	last := m.Graph.Output().ID
	g.operator("Identity", onnxOut, []string{g.features(g.value[last], last)})
	g.text(graphName, "tinygrow")
	g.bytes(graphInput, valueInfo(onnxIn, m.Graph.Input.C, m.Graph.Input.H, m.Graph.Input.W))
	g.bytes(graphOutput, valueInfo(onnxOut, shapes[last].Len()))

	info, err := describeMap(s)
	if err != nil {
		return err
	}
	var out, set message
	set.text(1, "")
	set.number(2, opset)
	out.number(modelIR, irVersion)
	out.text(modelProducer, "tinygrow")
	out.bytes(modelGraph, g.message)
	out.bytes(modelOpset, set)
	keys := slices.DeleteFunc(slices.Sorted(maps.Keys(info)), func(key string) bool { return key == digestKey })
	for _, key := range append(keys, digestKey) {
		var p message
		p.text(1, key)
		p.text(2, info[key])
		out.bytes(modelProperty, p)
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(out)
	return errors.Join(err, f.Sync(), f.Close())
}

// field is one of a message that is read: a number, or bytes.
type field struct {
	number protowire.Number
	value  uint64
	bytes  []byte
}

// errWire is returned for bytes that are no message.
var errWire = errors.New("it is no protobuf message, or was cut")

// fields calls do for each field of a message.
func fields(data []byte, do func(f field) error) error {
	for len(data) > 0 {
		number, kind, n := protowire.ConsumeTag(data)
		if n < 0 {
			return errWire
		}
		data = data[n:]
		f := field{number: number}
		switch kind {
		case protowire.VarintType:
			f.value, n = protowire.ConsumeVarint(data)
		case protowire.BytesType:
			f.bytes, n = protowire.ConsumeBytes(data)
		default:
			n = protowire.ConsumeFieldValue(number, kind, data)
		}
		if n < 0 {
			return errWire
		}
		data = data[n:]
		if err := do(f); err != nil {
			return err
		}
	}
	return nil
}

// readONNX reads a file that writeONNX wrote: its properties, and its initializers.
func readONNX(path string) (*nn.Model, *nn.Card, error) {
	data, err := readFile(path)
	if err != nil {
		return nil, nil, err
	}
	info := map[string]string{}
	var tensors []tensor
	err = fields(data, func(f field) error {
		switch f.number {
		case modelProperty:
			var key, value string
			err := fields(f.bytes, func(f field) error {
				if f.number == 1 {
					key = string(f.bytes)
				} else if f.number == 2 {
					value = string(f.bytes)
				}
				return nil
			})
			info[key] = value
			return err
		case modelGraph:
			return fields(f.bytes, func(f field) error {
				if f.number != graphInitializer {
					return nil
				}
				t, element, err := parseTensor(f.bytes)
				if err == nil && element == elementFloat && len(t.shape) > 0 {
					tensors = append(tensors, t)
				}
				return err
			})
		}
		return nil
	})
	if err == nil && info["graph"] == "" {
		err = errors.New("it does not tell its architecture: only what tinygrow export wrote is read")
	}
	if err != nil {
		return nil, nil, damaged(path, err)
	}
	return assemble(path, info, tensors)
}

// parseTensor reads an initializer.
func parseTensor(data []byte) (t tensor, element uint64, err error) {
	err = fields(data, func(f field) error {
		switch f.number {
		case tensorDims:
			if f.bytes != nil || f.value > math.MaxInt32 {
				return errors.New("a tensor has dimensions that were not written so")
			}
			t.shape = append(t.shape, int(f.value))
		case tensorType:
			element = f.value
		case tensorName:
			t.name = string(f.bytes)
		case tensorRaw:
			t.data = f.bytes
		}
		return nil
	})
	return t, element, err
}
