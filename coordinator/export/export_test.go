package export

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/tinygrow/tinygrow/coordinator/checkpoint"
	"github.com/tinygrow/tinygrow/tensor/nn"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// everything is a network with all operations, residual and behind linear layers too.
func everything(t *testing.T) *Source {
	t.Helper()
	node := func(id nn.NodeID, op nn.Op, in ...nn.NodeID) nn.Node { return nn.Node{ID: id, Op: op, Inputs: in} }
	window := func(n nn.Node, kernel, stride, pad int) nn.Node {
		n.Kernel, n.Stride, n.Pad = kernel, stride, pad
		return n
	}
	out := func(n nn.Node, out int, bias bool) nn.Node {
		n.Out, n.Bias = out, bias
		return n
	}
	norm := func(n nn.Node) nn.Node {
		n.Eps, n.Momentum = 1e-5, 0.1
		return n
	}
	groups := func(n nn.Node, groups int) nn.Node {
		if n.Groups = groups; n.Op == nn.OpLayerNorm || n.Op == nn.OpGroupNorm {
			n.Eps = 1e-4
		}
		return n
	}
	attention := func(n nn.Node) nn.Node {
		n.Heads, n.Scale = 2, 0.4
		return n
	}
	g := &nn.Graph{Input: nn.Shape{C: 3, H: 12, W: 10}, Loss: nn.CrossEntropy, Nodes: []nn.Node{
		node("x", nn.OpInput),
		window(out(node("conv1", nn.OpConv, "x"), 8, true), 3, 1, 1),
		norm(node("bn1", nn.OpBatchNorm, "conv1")), node("relu1", nn.OpReLU, "bn1"),
		window(node("dw", nn.OpDepthwise, "relu1"), 3, 1, 1), norm(node("bn2", nn.OpBatchNorm, "dw")), node("silu", nn.OpSiLU, "bn2"),
		node("layer.0.add", nn.OpAdd, "silu", "relu1"), window(node("mp", nn.OpMaxPool, "layer.0.add"), 3, 2, 1),
		window(node("ap", nn.OpAvgPool, "mp"), 2, 1, 1), node("gelu", nn.OpGELU, "ap"),
		node("avg", nn.OpGlobalAvgPool, "gelu"), window(out(node("squeeze", nn.OpConv, "avg"), 8, true), 1, 1, 0),
		node("gate", nn.OpSigmoid, "squeeze"), node("gated", nn.OpMultiply, "gelu", "gate"), node("pos", nn.OpPositional, "gated"),
		attention(node("attend", nn.OpAttention, "pos", "gelu", "pos")), node("scale", nn.OpLayerScale, "attend"), node("drop", nn.OpDropout, "scale"),
		node("swish", nn.OpHardSwish, "drop"), groups(window(out(node("parts", nn.OpGroupedConv, "swish"), 4, true), 1, 1, 0), 2),
		node("hard", nn.OpHardSigmoid, "parts"), node("cat", nn.OpConcat, "hard", "parts"),
		groups(node("ln", nn.OpLayerNorm, "cat"), 0), groups(node("gn", nn.OpGroupNorm, "ln"), 4),
		window(out(node("layer.0.conv2", nn.OpConv, "gn"), 6, false), 2, 2, 0), node("tanh", nn.OpTanh, "layer.0.conv2"),
		node("gap", nn.OpGlobalAvgPool, "tanh"), node("id", nn.OpIdentity, "tanh"), node("flat", nn.OpFlatten, "id"),
		out(node("fc1", nn.OpLinear, "flat"), 6, true), norm(node("bn3", nn.OpBatchNorm, "fc1")),
		groups(window(out(node("seq", nn.OpConv1d, "gap"), 6, true), 3, 1, 1), 2), node("sum", nn.OpAdd, "bn3", "seq", "fc1"),
		window(node("dw2", nn.OpDepthwise, "sum"), 1, 1, 0), node("sum2", nn.OpAdd, "fc1", "bn3"),
		groups(node("ln2", nn.OpLayerNorm, "sum2"), 0), node("gelu2", nn.OpGELU, "ln2"), node("sum3", nn.OpAdd, "dw2", "gelu2"), out(node("fc2", nn.OpLinear, "sum3"), 4, false),
	}}
	if err := g.Validate(); err != nil {
		t.Fatal(err)
	}
	m := nn.Init(g, 9)
	for i := range m.Params {
		m.Params[i] += float32(i%7-3) / 40
	}
	for i := range m.Buffers {
		m.Buffers[i] = 0.5 + float32(i%5)/10
	}
	card := &nn.Card{Input: g.Input, Mean: []float64{125.3, 122.9, 113.8}, Std: []float64{63, 62.1, 66.7},
		Classes: []string{"cat", "dog", "größe", "a|b"}, Data: "folder", Digest: "abc123"}
	return &Source{Model: m, Card: card, Step: 7}
}

// small is a network of few values.
func small(t testing.TB) *nn.Model {
	t.Helper()
	g, err := nn.Build(nn.ModelConfig{Name: "mlp", Input: nn.Shape{C: 1, H: 2, W: 2}, Classes: 2, Widths: []int{2}, Norm: "batch"})
	if err != nil {
		t.Fatal(err)
	}
	return nn.Init(g, 1)
}

// Every format gives back the bits that went into it.
func TestRoundTrips(t *testing.T) {
	s := everything(t)
	for _, format := range []Format{"safetensors", "onnx", "npz", "pytorch"} {
		path := filepath.Join(t.TempDir(), DefaultPath("runs/a", format))
		if err := Write(s, format, path); err != nil {
			t.Fatal(format, err)
		}
		if !Is(path) {
			t.Errorf("%s: %s does not look like an export", format, path)
		}
		m, card, err := Read(path)
		if err != nil {
			t.Fatal(format, err)
		}
		if m.Digest() != s.Model.Digest() || !card.Equal(s.Card) {
			t.Errorf("%s: another model came back: %+v", format, card)
		}
		if err := Write(s, format, path); !errors.Is(err, ErrExists) {
			t.Errorf("%s: over what lies there: %v", format, err)
		}
		if left, _ := filepath.Glob(filepath.Join(filepath.Dir(path), "*.part")); left != nil {
			t.Error(left)
		}
	}
}

// Every operation has an operator of ONNX, and stands in the network of the tests.
func TestEveryOperation(t *testing.T) {
	used := map[nn.Op]bool{}
	for _, n := range everything(t).Model.Graph.Nodes {
		used[n.Op] = true
	}
	for _, op := range nn.Ops() {
		if _, known := operators[op]; !known || !used[op] {
			t.Errorf("%s: has an operator: %v, in the test: %v", op, known, used[op])
		}
		if name := fmt.Sprintf("%q", op); op != nn.OpInput && op != nn.OpIdentity && op != nn.OpFlatten &&
			!bytes.Contains(modelPy, []byte(name)) && !bytes.Contains(modelPy, []byte(string(op)+`":`)) {
			t.Errorf("model.py does not know %s", op)
		}
	}
}

// A file that is cut or changed anywhere is an error, never a panic, or the same model.
// Error synapses are left out of exports: what comes back is the network alone.
func TestErrorSynapsesAreLeftOut(t *testing.T) {
	m := small(t)
	taught, err := m.WithLRA(nn.LRA{Beta: 1, Seed: 3})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []Format{"npz", "safetensors", "onnx", "pytorch"} {
		path := filepath.Join(t.TempDir(), DefaultPath("m", name))
		if err := Write(&Source{Model: taught}, name, path); err != nil {
			t.Fatal(name, err)
		}
		if got, _, err := Read(path); err != nil || got.Digest() != m.Digest() {
			t.Errorf("%s: another network came back, %v", name, err)
		}
	}
}

func TestDamaged(t *testing.T) {
	s := everything(t)
	for _, format := range []Format{"onnx", "npz", "pytorch"} {
		dir := t.TempDir()
		path := filepath.Join(dir, DefaultPath("a", format))
		if err := Write(s, format, path); err != nil {
			t.Fatal(err)
		}
		at, _ := locate(path)
		good, err := os.ReadFile(at)
		if err != nil {
			t.Fatal(err)
		}
		try := func(what string, data []byte, must bool) {
			if err := os.WriteFile(at, data, 0o644); err != nil {
				t.Fatal(err)
			}
			m, _, err := Read(path)
			if err == nil && must {
				t.Errorf("%s, %s: no error", format, what)
			}
			if err != nil && !errors.Is(err, checkpoint.ErrDamaged) {
				t.Errorf("%s, %s: %v", format, what, err)
			}
			if err == nil && m.Graph.Validate() != nil {
				t.Errorf("%s, %s: an invalid graph", format, what)
			}
		}
		for n := 0; n < len(good)-64; n += 1 + len(good)/60 {
			try(fmt.Sprint("cut to ", n), good[:n], true)
		}
		for n := 0; n < len(good); n += 1 + len(good)/200 {
			bad := slices.Clone(good)
			bad[n] ^= 0x41
			try(fmt.Sprint("byte ", n, " changed"), bad, false)
		}
		try("nothing", nil, true)
		try("of another program", otherZip(t), true)
	}
}

// otherZip is an archive that numpy or PyTorch could have written.
func otherZip(t *testing.T) []byte {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	w, err := z.CreateHeader(&zip.FileHeader{Name: "arr_0.npy", Method: zip.Store})
	if err == nil {
		_, err = w.Write([]byte("x"))
	}
	if err := errors.Join(err, z.Close()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestRefused(t *testing.T) {
	s := everything(t)
	dir := t.TempDir()
	if err := Write(s, "hdf5", filepath.Join(dir, "a")); !errors.Is(err, ErrFormat) || !strings.Contains(err.Error(), "onnx") {
		t.Error(err)
	}
	if err := Write(s, "gromotion", filepath.Join(dir, "b")); err == nil || !strings.Contains(err.Error(), "history") {
		t.Error(err)
	}
	g, err := nn.Build(nn.ModelConfig{Name: "mlp", Input: nn.Shape{C: 3, H: 2, W: 2}, Classes: 2, Widths: []int{0}})
	if err != nil {
		t.Fatal(err)
	}
	empty := &Source{Model: nn.Init(g, 1)}
	for _, format := range []Format{"onnx", "pytorch"} {
		err := Write(empty, format, filepath.Join(dir, string(format)))
		if !errors.Is(err, ErrCannot) || !strings.Contains(err.Error(), "no outputs yet") {
			t.Errorf("%s: %v", format, err)
		}
		if _, err := os.Lstat(filepath.Join(dir, string(format))); err == nil {
			t.Errorf("%s: something was left", format)
		}
	}
	for _, format := range []Format{"npz", "safetensors"} { // without a card too
		path := filepath.Join(dir, DefaultPath("empty", format))
		if err := Write(empty, format, path); err != nil {
			t.Fatal(err)
		}
		if m, card, err := Read(path); err != nil || card != nil || m.Digest() != empty.Model.Digest() {
			t.Errorf("%s: %v %v", format, card, err)
		}
	}
	if _, _, err := Read(dir); !errors.Is(err, ErrFormat) {
		t.Error(err)
	}
}

func TestSafetensorsTells(t *testing.T) {
	s := everything(t)
	path := filepath.Join(t.TempDir(), "x")
	if err := Write(s, "safetensors", path); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(path, configFile))
	if err != nil {
		t.Fatal(err)
	}
	var config struct {
		Labels map[string]string `json:"id2label"`
		Graph  *nn.Graph         `json:"graph"`
		Card   *nn.Card          `json:"preprocessing"`
	}
	if err := json.Unmarshal(text, &config); err != nil || config.Labels["2"] != "größe" || !config.Card.Equal(s.Card) ||
		!bytes.Equal(config.Graph.JSON(), s.Model.Graph.JSON()) {
		t.Errorf("%v %s", err, text)
	}
	card, err := os.ReadFile(filepath.Join(path, cardFile))
	for _, want := range []string{"# A network", "`abc123`", "12 x 10", `a\|b`, "## Limits", "was not at hand"} {
		if err != nil || !strings.Contains(string(card), want) {
			t.Errorf("%v: the card lacks %q:\n%s", err, want, card)
		}
	}
}
