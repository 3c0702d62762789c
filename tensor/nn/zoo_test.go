package nn

import (
	"strings"
	"testing"
)

// Counts of the same networks in PyTorch: torchvision's resnet18, the usual
// CIFAR ResNet-18, ResNets with projections, and WideResNets.
func TestParameterCounts(t *testing.T) {
	cifar := Shape{3, 32, 32}
	for _, c := range []struct {
		config ModelConfig
		want   int
	}{
		{ModelConfig{Name: "resnet18", Input: Shape{3, 224, 224}, Classes: 1000, Stem: "imagenet"}, 11689512},
		{ModelConfig{Name: "resnet18", Input: cifar, Classes: 10}, 11173962},
		{ModelConfig{Name: "resnet20", Input: cifar, Classes: 10}, 272474},
		{ModelConfig{Name: "resnet32", Input: cifar, Classes: 10}, 466906},
		{ModelConfig{Name: "resnet56", Input: cifar, Classes: 10}, 855770},
		{ModelConfig{Name: "wrn28", Input: cifar, Classes: 10}, 36479194},
		{ModelConfig{Name: "wrn28", Input: cifar, Classes: 10, Widen: 1}, 369498},
		{ModelConfig{Name: "mlp", Input: cifar, Classes: 10, Widths: []int{512, 512}}, 3072*512 + 512 + 512*512 + 512 + 5130},
		{ModelConfig{Name: "mobilenetv2", Input: cifar, Classes: 10}, 2236682}, // torchvision's, of 10 classes
		// Patches, norms, depthwise filters of 7x7 and perceptrons of each width, reductions, and the head.
		{ModelConfig{Name: "convnext", Input: cifar, Classes: 10, Width: 16, Parameters: map[string]string{"depth": "1"}},
			13*16 + 2*16 + (49+1+2+1)*(16+32+64) + 8*(16*16+32*32+64*64) + 5*(16+32+64) + (2*16 + 64*32 + 32) + (2*32 + 128*64 + 64) + 2*64 + 650},
		// A tokenizer of two convolutions, positions of 8x8 tokens, an encoder of four projections, two norms and a perceptron, a norm and the head.
		{ModelConfig{Name: "vit", Input: cifar, Classes: 10, Width: 16, Parameters: map[string]string{"depth": "1"}},
			9*(3*16+16*16) + 64*16 + 4*(16*16+16) + 4*16 + (16*32 + 32 + 32*16 + 16) + 2*16 + 170},
		{ModelConfig{Name: "vgg", Input: cifar, Classes: 10}, 9*(3*32+32*64+64*128) + 2*(32+64+128) + 20490},
	} {
		g, err := Build(c.config)
		if err != nil {
			t.Errorf("%+v: %v", c.config, err)
			continue
		}
		if got := g.NumParams(); got != c.want {
			t.Errorf("%s has %d parameters, want %d", c.config.Name, got, c.want)
		}
	}
}

func TestEveryModelAtEveryWidth(t *testing.T) {
	for _, name := range []string{"mlp", "cnn", "vgg", "resnet18", "resnet20", "resnet32", "resnet56", "wrn28"} {
		for _, width := range []int{1, 3} {
			for _, norm := range []string{"batch", "none"} {
				c := ModelConfig{Name: name, Input: Shape{1, 28, 28}, Classes: 3, Width: width, Widen: 1, Widths: []int{width, width, width},
					Norm: norm, Activation: OpTanh, Loss: MSE}
				g, err := Build(c)
				if err != nil {
					t.Errorf("%s at width %d: %v", name, width, err)
					continue
				}
				if _, err := Compile(g, 32, Options{}); err != nil {
					t.Error(err)
				}
			}
		}
	}
}

func TestPresets(t *testing.T) {
	for _, name := range []string{"mlp", "vgg", "vgg-grown", "resnet18-8", "resnet18-16", "resnet18-64"} {
		c, ok := Preset(name)
		if !ok {
			t.Fatalf("no preset %s", name)
		}
		if _, err := Build(c); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, ok := Preset("resnet18-9"); ok {
		t.Error("a preset nobody named")
	}
}

func TestSmoothingIsOfCrossEntropy(t *testing.T) {
	for loss, want := range map[Loss]float64{"": 0.1, CrossEntropy: 0.1, MSE: 0} {
		g, err := Build(ModelConfig{Name: "mlp", Input: Shape{3, 1, 1}, Classes: 2, Loss: loss, LabelSmoothing: 0.1})
		if err != nil || g.Smoothing != want {
			t.Errorf("loss %q: smoothing %v, want %v: %v", loss, g.Smoothing, want, err)
		}
	}
}

func TestBuildReportsAllFaults(t *testing.T) {
	_, err := Build(ModelConfig{Name: "alexnet", Input: Shape{3, 32, 32}, Activation: "swish", Norm: "layer", Width: -1, LabelSmoothing: 1})
	for _, part := range []string{`must be one of mlp, cnn`, `activation "swish"`, `norm "layer"`, "classes 0",
		"label_smoothing 1", "width and widen"} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("faults lack %q: %v", part, err)
		}
	}
	_, err = Build(ModelConfig{Name: "vgg", Input: Shape{3, 32, 32}, Classes: 10, EmptyBlocks: true})
	if err == nil || !strings.Contains(err.Error(), "empty_blocks") {
		t.Errorf("empty blocks of a network without blocks: %v", err)
	}
	_, err = Build(ModelConfig{Name: "mlp", Input: Shape{3, 1, 1}, Classes: 10, Widths: []int{2, 0, 0}})
	if err == nil || !strings.Contains(err.Error(), "give one of them") {
		t.Errorf("two empty layers in a row: %v", err)
	}
	if _, err := Build(ModelConfig{Name: "cnn", Classes: 10}); err == nil || !strings.Contains(err.Error(), "input shape") {
		t.Errorf("no input shape: %v", err)
	}
}
