package trainer

import (
	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/tensor/faults"
)

// Mix mixes each training sample of a gradient with another training sample, drawn
// anew in each epoch, and its target by the same share. Where both are above 0, one of them is
// drawn for each sample. Growth events read samples unmixed.
type Mix struct {
	// Mixup is alpha of the distribution Beta(alpha, alpha) that the shares of both
	// pictures are drawn from (Zhang et al. 2018); 0.2 is usual.
	Mixup float64 `yaml:"mixup" json:"mixup"`
	// CutMix is alpha for the area of a rectangle that is taken from the other picture
	// (Yun et al. 2019); 1 is usual.
	CutMix float64 `yaml:"cutmix" json:"cutmix"`
}

// Color changes the colours of a training picture, in an order that is drawn: factors of 1 less or more up to Brightness,
// Contrast and Saturation, and a turn of the hue of up to Hue, half a turn at most, in both directions. It leaves pictures
// of other than three channels as they are.
type Color struct {
	Brightness float64 `yaml:"brightness" json:"brightness"`
	Contrast   float64 `yaml:"contrast" json:"contrast"`
	Saturation float64 `yaml:"saturation" json:"saturation"`
	Hue        float64 `yaml:"hue" json:"hue"`
}

// RandAugment makes Ops operations on a training picture, each drawn from identity, shear and translation along rows and along
// columns, rotation, brightness, saturation, contrast, sharpness, posterize, solarize, autocontrast and equalize, of
// a strength of Magnitude, of 30 (Cubuk et al. 2020).
type RandAugment struct {
	Ops       int `yaml:"ops" json:"ops"`
	Magnitude int `yaml:"magnitude" json:"magnitude"`
}

func (c Config) strengths() proto.Strengths {
	return proto.Strengths{MixUp: c.Mix.Mixup, CutMix: c.Mix.CutMix, Brightness: c.Color.Brightness, Contrast: c.Color.Contrast,
		Saturation: c.Color.Saturation, Hue: c.Color.Hue, Operations: c.RandAugment.Ops, Magnitude: c.RandAugment.Magnitude}
}

// checkAugmentation finds what cannot be told to workers, and what would be dropped.
func (c Config) checkAugmentation(found *faults.List) {
	for _, n := range []struct {
		key         string
		value, most float64
	}{
		{"mix.mixup", c.Mix.Mixup, 2.5}, {"mix.cutmix", c.Mix.CutMix, 2.5}, {"color.brightness", c.Color.Brightness, 1},
		{"color.contrast", c.Color.Contrast, 1}, {"color.saturation", c.Color.Saturation, 1}, {"color.hue", c.Color.Hue, 0.5},
	} {
		found.Check(proto.Hundredths(n.value, n.most), "%s %v: must be 0 to %v in steps of 0.01", n.key, n.value, n.most)
	}
	r := c.RandAugment
	found.Check(r.Ops >= 0 && r.Ops <= 7, "randaugment.ops %d: must be 0 to 7", r.Ops)
	found.Check(r.Magnitude >= 0 && r.Magnitude <= proto.MaxMagnitude,
		"randaugment.magnitude %d: must be 0 to %d", r.Magnitude, proto.MaxMagnitude)
	found.Check(c.Augment || c.strengths() == (proto.Strengths{Magnitude: r.Magnitude}), "mix, color and randaugment need augment: true")
}
