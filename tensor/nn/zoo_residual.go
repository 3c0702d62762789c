package nn

import "fmt"

// residual is a ResNet of basic blocks [He et al. 2016], named as torchvision
// names its parts: stage s has width Width 2^s; a block whose shape changes
// has a 1x1 convolution and batch normalisation on its shortcut.
func (b *builder) residual(blocks []int) {
	width := b.config.Width
	if b.config.Stem == "imagenet" {
		b.conv("conv1", Node{Out: width, Kernel: 7, Stride: 2})
	} else {
		b.conv("conv1", Node{Out: width, Kernel: 3, Stride: 1})
	}
	b.norm("bn1")
	b.op(OpReLU, "relu")
	if b.config.Stem == "imagenet" {
		b.add(Node{Op: OpMaxPool, Kernel: 3, Stride: 2, Pad: 1}, "maxpool")
	}
	in := width
	for stage, n := range blocks {
		out := width << stage
		for i := range n {
			stride := 1
			if stage > 0 && i == 0 {
				stride = 2
			}
			b.basicBlock(fmt.Sprintf("layer%d.%d.", stage+1, i), change{in, out, stride})
			in = out
		}
	}
	b.op(OpGlobalAvgPool, "avgpool")
	b.op(OpFlatten, "flatten")
	b.linear("fc", b.config.Classes)
}

// change is what a residual block does to the shape: channels in and out, and how
// much smaller the image gets.
type change struct{ in, out, stride int }

// keeps reports whether the block's input fits its output.
func (c change) keeps() bool { return c.in == c.out && c.stride == 1 }

func (b *builder) basicBlock(name string, c change) {
	x := b.last
	b.conv(name+"conv1", Node{Out: b.inner(c.out), Kernel: 3, Stride: c.stride})
	b.norm(name + "bn1")
	b.op(OpReLU, name+"relu1")
	b.second(name+"conv2", c.out)
	if !b.config.EmptyBlocks {
		b.norm(name + "bn2")
	}
	body := b.last
	if !c.keeps() {
		b.last = x
		b.conv(name+"downsample.0", Node{Out: c.out, Kernel: 1, Stride: c.stride})
		b.norm(name + "downsample.1")
		x = b.last
	}
	b.add(Node{Op: OpAdd}, name+"add", body, x)
	b.op(OpReLU, name+"relu2")
}

// inner returns the width inside a block of that width.
func (b *builder) inner(out int) int {
	if b.config.EmptyBlocks {
		return 0
	}
	return out
}

// second adds the last convolution of a block.
func (b *builder) second(id string, out int) {
	b.conv(id, Node{Out: out, Kernel: 3, Stride: 1})
	b.g.Nodes[len(b.g.Nodes)-1].Bias = b.config.EmptyBlocks
}

// wide is a WideResNet [Zagoruyko and Komodakis 2016] with pre-activation
// blocks: stage s has width Width Widen 2^s; a block whose shape changes has a
// 1x1 convolution of its first activation as shortcut.
func (b *builder) wide(blocks []int) {
	b.conv("conv1", Node{Out: b.config.Width, Kernel: 3, Stride: 1})
	in := b.config.Width
	for stage, n := range blocks {
		out := b.config.Width * b.config.Widen << stage
		for i := range n {
			stride := 1
			if stage > 0 && i == 0 {
				stride = 2
			}
			b.preBlock(fmt.Sprintf("block%d.%d.", stage+1, i), change{in, out, stride})
			in = out
		}
	}
	b.norm("bn1")
	b.op(OpReLU, "relu")
	b.op(OpGlobalAvgPool, "avgpool")
	b.op(OpFlatten, "flatten")
	b.linear("fc", b.config.Classes)
}

func (b *builder) preBlock(name string, c change) {
	x := b.last
	b.norm(name + "bn1")
	b.op(OpReLU, name+"relu1")
	active := b.last
	b.conv(name+"conv1", Node{Out: b.inner(c.out), Kernel: 3, Stride: c.stride})
	b.norm(name + "bn2")
	b.op(OpReLU, name+"relu2")
	b.second(name+"conv2", c.out)
	body := b.last
	if !c.keeps() {
		b.last = active
		b.conv(name+"shortcut", Node{Out: c.out, Kernel: 1, Stride: c.stride})
		x = b.last
	}
	b.add(Node{Op: OpAdd}, name+"add", body, x)
}
