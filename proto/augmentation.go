package proto

import (
	"fmt"
	"math"
)

// Augmentation is how pictures are changed at random before they are read: flags, and above
// them the numbers of Strengths, so that it is one number on the wire and in digests.
type Augmentation uint64

// What an Augmentation may consist of.
const (
	Move      Augmentation = 1 << iota // moves by a few pixels
	Mirror                             // mirrors left and right, where the data set allows it
	Alternate                          // given Mirror: drawn for the order of index 0, and the other way in every second one
	Cutout                             // blanks a square of a quarter of the shorter side
	Mirrored                           // mirrors every picture, where the data set allows it

	flagBits          = 8
	allFlags          = Move | Mirror | Alternate | Cutout | Mirrored
	flags             = Augmentation(1<<flagBits - 1)
	mixingBits        = Augmentation(1<<16-1) << flagBits
	colourBits        = Augmentation(1<<32-1) << (flagBits + 16)
	maxOps            = 7
	MaxMagnitude      = 30 // the most that Strengths.Magnitude may be
	opsAt, magnitudes = 56, 59
)

// Strengths are the numbers of an Augmentation. All but the last two are counted in hundredths and are at most
// 2.55; zero is without.
type Strengths struct {
	MixUp, CutMix         float64 // alpha of the beta distribution that shares are drawn from
	Brightness, Contrast  float64 // largest change of the factor 1
	Saturation            float64 // likewise
	Hue                   float64 // largest turn, of 1
	Operations, Magnitude int     // RandAugment: how many, at most 7, and how much, at most MaxMagnitude
}

// Hundredths reports whether v is 0 to most in steps of a hundredth.
func Hundredths(v, most float64) bool {
	return v >= 0 && v <= most && math.Abs(math.Round(100*v)-float64(100*v)) < 1e-9
}

// With returns a with the numbers of s, which are valid.
func (a Augmentation) With(s Strengths) Augmentation {
	a &= flags
	for i, v := range []float64{s.MixUp, s.CutMix, s.Brightness, s.Contrast, s.Saturation, s.Hue} {
		a |= Augmentation(uint8(math.Round(100*v))) << (flagBits + 8*i)
	}
	return a | Augmentation(s.Operations)<<opsAt | Augmentation(s.Magnitude)<<magnitudes
}

// Strengths returns the numbers of a.
func (a Augmentation) Strengths() (s Strengths) {
	for i, v := range []*float64{&s.MixUp, &s.CutMix, &s.Brightness, &s.Contrast, &s.Saturation, &s.Hue} {
		*v = float64(float64(a>>(flagBits+8*i)&0xff) / 100)
	}
	s.Operations, s.Magnitude = int(a>>opsAt&maxOps), int(a>>magnitudes)
	return s
}

// Mixes reports whether samples are mixed with others.
func (a Augmentation) Mixes() bool { return a&mixingBits != 0 }

// Recolours reports whether bytes of pictures change before they are moved: by colour jitter or RandAugment.
func (a Augmentation) Recolours() bool { return a&colourBits != 0 || a>>opsAt&maxOps != 0 }

// Unmixed returns a without what mixes samples, for what is measured of classes.
func (a Augmentation) Unmixed() Augmentation { return a &^ mixingBits }

func (a Augmentation) check() error {
	if a&flags > allFlags || int(a>>magnitudes) > MaxMagnitude {
		return fmt.Errorf("unknown augmentation %#x", uint64(a))
	}
	return nil
}
