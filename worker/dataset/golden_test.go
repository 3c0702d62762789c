package dataset

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"testing"

	"github.com/tinygrow/tinygrow/tensor/nn"
)

// goldenPicture is a file and what Pillow reads of it, pixel by pixel.
type goldenPicture struct {
	Name                     string
	Width, Height, Tolerance int
	File, Pixels             []byte
}

func goldenPictures(t testing.TB) []goldenPicture {
	t.Helper()
	text, err := os.ReadFile("testdata/pillow_pictures.json")
	if err != nil {
		t.Fatal(err)
	}
	var list []goldenPicture
	if err := json.Unmarshal(text, &list); err != nil {
		t.Fatal(err)
	}
	if len(list) < 50 {
		t.Fatalf("%d pictures", len(list))
	}
	return list
}

// The pictures and their pixels are of Python's Pillow 9.4 with libjpeg-turbo, libwebp and
// libtiff, written by deploy/test/pictures/compare.py --golden. A lossy format may differ by
// the rounding of its decoders, a translucent picture by one.
func TestPicturesOfAllKindsArePillows(t *testing.T) {
	for _, p := range goldenPictures(t) {
		got, err := DecodeLoose(p.File, nn.Shape{C: 3, H: p.Height, W: p.Width}, MaxPixels)
		if err != nil {
			t.Errorf("%s: %v", p.Name, err)
			continue
		}
		worst := 0
		for i := range p.Width * p.Height {
			for c := range 3 {
				off := int(got[c*p.Width*p.Height+i]) - int(p.Pixels[3*i+c])
				worst = max(worst, off, -off)
			}
		}
		if worst > p.Tolerance {
			t.Errorf("%s: off by %d", p.Name, worst)
		}
	}
}

// What is made of pictures has the same bits in every build and on every processor: decoders, turns, colours and
// scaling are whole numbers. The digest is that of Go 1.26's decoders; where another version of
// them changes it, data sets with such files get other digests.
func TestPicturesHaveTheSameBitsEverywhere(t *testing.T) {
	h := sha256.New()
	for _, p := range goldenPictures(t) {
		for _, to := range []nn.Shape{{C: 3, H: p.Height, W: p.Width}, {C: 3, H: 16, W: 16}, {C: 1, H: 9, W: 30}} {
			got, err := DecodeLoose(p.File, to, MaxPixels)
			if err != nil {
				t.Fatalf("%s: %v", p.Name, err)
			}
			h.Write(got)
		}
	}
	const want = "e7d62f11e07d6a422c3e65397f5aed1d6609fc8bd55fe967dee8cb594bb95eb5"
	if got := hex.EncodeToString(h.Sum(nil)); got != want {
		t.Errorf("the digest is %s, want %s", got, want)
	}
}

// A file may say anything of how it lies, and end anywhere.
func FuzzOrientation(f *testing.F) {
	for _, p := range goldenPictures(f) {
		f.Add(p.File)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if o := orientationOf(bytes.NewReader(data)); o < 1 || o > 8 {
			t.Errorf("orientation %d", o)
		}
	})
}
