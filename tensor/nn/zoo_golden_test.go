package nn

import (
	"crypto/sha256"
	"encoding/hex"
	"testing"
)

// Names of tensors, and with them first weights, stay what they were in recorded runs. The
// digests of the first eight are those of the graphs that Go code built before the zoo was
// written as files, compared byte by byte when it was.
func TestFilesGiveTheGraphsOfRecordedRuns(t *testing.T) {
	golden := map[string]string{
		"mobilenetv2": "9f3f8183d7ecad7acc12da3cc4984ea11644d8af2441cced26beea1655b64fad",
		"convnext":    "eb365abba25da648038992bc2aa8c03c1cf9035f7608b33ab70d5c3a979bd20a",
		"vit":         "f49a8bb24450324dbd3f05035cbf0a216ffbbb3262d99ef874b348f163b575c0",
		"cnn":         "86aaf609b839ebaeb336866195e05dcb7b14c9b85aa02628fd762bde750945a4",
		"mlp":         "c4e2423253b0f04869379585b34e847dfba1a4952c734f8fe8ef07b81762a54a",
		"resnet18":    "7ce0e099c745d8f936646574b63e16c93cbe4e3d1d2db6c94024263742cdd555",
		"resnet20":    "b0e8cfcd4e97d419a22e0c730790348574ee2b63984af3ce40da6aa1b0afa8e0",
		"resnet32":    "e074823b50c977f02b3c689336c2d6ee3ba0048f7be816a6ef6b17dc13a28b24",
		"resnet56":    "a28090a379572b27229f87df06c93f5f4dac9ed2dfa20f2fef1c06e3437b2be1",
		"vgg":         "f2a9181017988048c4ed82df55ec3a873501a793d1d5e22d21d775fb51b070f5",
		"wrn28":       "f3e218b4afde34787e62b3e46cbc2858f90ad47e2a77041250ad213f56b4948f",
	}
	if len(golden) != len(Zoo) {
		t.Errorf("%d digests of %d networks", len(golden), len(Zoo))
	}
	for name, want := range golden {
		h := sha256.New()
		for _, in := range []Shape{{3, 32, 32}, {1, 28, 28}, {2, 5, 9}, {3, 64, 64}, {1, 1, 7}} {
			for _, c := range []ModelConfig{{}, {Norm: "none"}, {Norm: "batch", Head: "flatten"}, {Head: "average", Activation: OpTanh},
				{Stem: "imagenet"}, {Width: 5, Widen: 2}, {EmptyBlocks: true}, {Widths: []int{}}, {Widths: []int{7}}, {Widths: []int{1, 2, 3, 4, 5, 6}},
				{Loss: MSE, LabelSmoothing: 0.1}, {LabelSmoothing: 0.1, Activation: OpIdentity}, {Widths: []int{0, 3}}} {
				c.Name, c.Input, c.Classes = name, in, 7
				if g, err := Build(c); err == nil {
					h.Write(g.JSON())
				} else {
					h.Write([]byte("refused"))
				}
			}
		}
		if got := hex.EncodeToString(h.Sum(nil)); got != want {
			t.Errorf("%q: %q", name, got)
		}
	}
}
