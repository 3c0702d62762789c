package local

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/tinygrow/tinygrow/tensor/nn"
	"github.com/tinygrow/tinygrow/tensor/optim"
)

func TestLayout(t *testing.T) {
	g, err := nn.Build(nn.ModelConfig{Name: "resnet20", Input: nn.Shape{C: 3, H: 8, W: 8}, Classes: 4, Width: 2, EmptyBlocks: true})
	if err != nil {
		t.Fatal(err)
	}
	g.Node("layer1.0.conv1").Out = 3
	entries, layout := g.ParamEntries(), LayoutOf(g)
	if layout.Len() != g.NumParams() || len(layout) != len(entries) {
		t.Fatalf("%d tensors of %d values, the graph has %d of %d", len(layout), layout.Len(), len(entries), g.NumParams())
	}
	for i, e := range entries {
		want := optim.Tensor{Len: e.Len()}
		norm := strings.Contains(e.Name, "bn") || strings.HasSuffix(e.Name, "downsample.1."+e.Role)
		conv := len(e.Shape) == 4
		switch {
		case norm && e.Role == nn.RoleBias:
			want.Kind = optim.NormBiases
		case norm:
			want.Kind = optim.NormScales
		case conv:
			// The second convolution of an empty block has a bias and no normalisation.
			want.Kind, want.Rows, want.Normed = optim.Filters, e.Shape[0], !strings.HasSuffix(e.Name, "conv2.weight")
		case e.Role == nn.RoleBias:
			want.Kind = optim.Biases
		}
		if layout[i] != want {
			t.Errorf("%s: %+v, want %+v", e.Name, layout[i], want)
		}
	}
	if !strings.Contains(fmt.Sprint(entries), "bn") {
		t.Error("no normalisation is called bn")
	}
}

// Filters of single channels are no matrix: their rows have nothing to do with each other.
func TestLayoutOfDepthwise(t *testing.T) {
	g := &nn.Graph{Input: nn.Shape{C: 3, H: 8, W: 8}, Loss: nn.CrossEntropy, Nodes: []nn.Node{
		{ID: "x", Op: nn.OpInput}, {ID: "dw", Op: nn.OpDepthwise, Inputs: []nn.NodeID{"x"}, Kernel: 3, Stride: 1, Bias: true},
		{ID: "fc", Op: nn.OpLinear, Inputs: []nn.NodeID{"dw"}, Out: 2},
	}}
	want := optim.Layout{{Kind: optim.Weights, Len: 27}, {Kind: optim.Biases, Len: 3}, {Kind: optim.Weights, Len: 216}}
	if got := LayoutOf(g); !slices.Equal(got, want) {
		t.Errorf("layout %+v, want %+v", got, want)
	}
}
