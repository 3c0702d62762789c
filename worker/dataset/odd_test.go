package dataset

import (
	"bytes"
	"encoding/base64"
	"errors"
	"image"
	"image/color"
	"image/color/palette"
	"image/gif"
	"image/jpeg"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/image/bmp"
	"golang.org/x/image/tiff"
)

// encoded returns what an encoder writes.
func encoded(t testing.TB, write func(b *bytes.Buffer) error) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := write(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// cmykJPEG is a JPEG of four inks, of one colour all over, of at most 8 x 8
// pixels: one block a component, of which only the mean is not zero. By Adobe's
// convention a byte of 255 is no ink.
func cmykJPEG(w, h byte, inks [4]byte) []byte {
	b := []byte{0xff, 0xd8, 0xff, 0xee, 0, 14, 'A', 'd', 'o', 'b', 'e', 0, 100, 0, 0, 0, 0, 0} // transform 0
	b = append(b, 0xff, 0xdb, 0, 67, 0)
	b = append(b, bytes.Repeat([]byte{8}, 64)...) // a mean of v is then v - 128
	b = append(b, 0xff, 0xc0, 0, 20, 8, 0, h, 0, w, 4, 1, 0x11, 0, 2, 0x11, 0, 3, 0x11, 0, 4, 0x11, 0)
	b = append(b, 0xff, 0xc4, 0, 31, 0x00, 0, 0, 0, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10,
		11) // 4 bits tell how many follow
	b = append(b, 0xff, 0xc4, 0, 20, 0x10, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0) // 0: the block ends
	b = append(b, 0xff, 0xda, 0, 14, 4, 1, 0, 2, 0, 3, 0, 4, 0, 0, 63, 0)
	var bits string
	for _, ink := range inks {
		mean, n := int(ink)-128, 0
		for 1<<n <= max(mean, -mean) {
			n++
		}
		if mean < 0 {
			mean += 1<<n - 1
		}
		for i := 3; i >= 0; i-- {
			bits += string('0' + byte(n>>i&1))
		}
		for i := n - 1; i >= 0; i-- {
			bits += string('0' + byte(mean>>i&1))
		}
		bits += "0"
	}
	bits += strings.Repeat("1", (8-len(bits)%8)%8)
	for i := 0; i < len(bits); i += 8 {
		v := byte(0)
		for _, c := range bits[i : i+8] {
			v = v<<1 | byte(c-'0')
		}
		if b = append(b, v); v == 0xff {
			b = append(b, 0)
		}
	}
	return append(b, 0xff, 0xd9)
}

// twoPages makes a TIFF say that a second picture follows the first.
func twoPages(t testing.TB, img image.Image) []byte {
	data := encoded(t, func(b *bytes.Buffer) error { return tiff.Encode(b, img, nil) })
	at := int(data[4]) | int(data[5])<<8
	n := int(data[at]) | int(data[at+1])<<8
	data[at+2+12*n] = 8
	return data
}

// odd is something that may lie in a class's folder, and what becomes of it.
type odd struct {
	name    string
	data    []byte
	make    func(path string) error // in place of data
	fails   string                  // the fault that it is
	unused  string                  // the kind that counts for nothing
	samples int                     // it is read as so many
}

func oddFiles(t *testing.T) []odd {
	rect := image.Rect(0, 0, 5, 4)
	colours := image.NewNRGBA(rect)
	for i := range colours.Pix {
		colours.Pix[i] = byte(40 * i)
	}
	grey16, colours64 := image.NewGray16(rect), image.NewNRGBA64(rect)
	paletted := image.NewPaletted(rect, palette.WebSafe)
	pngOf := func(img image.Image) []byte {
		return encoded(t, func(b *bytes.Buffer) error { return png.Encode(b, img) })
	}
	good, photo := pngOf(colours), encoded(t, func(b *bytes.Buffer) error { return jpeg.Encode(b, colours, nil) })
	moving := encoded(t, func(b *bytes.Buffer) error {
		return gif.EncodeAll(b, &gif.GIF{Image: []*image.Paletted{paletted, paletted}, Delay: []int{1, 1}})
	})
	link := func(to string) func(string) error {
		return func(path string) error { return os.Symlink(to, path) }
	}
	fifo := func(path string) error { return syscall.Mkfifo(path, 0o644) }
	unreadable := odd{name: "secret.png", data: good, fails: "permission denied", make: func(path string) error {
		return errors.Join(os.WriteFile(path, good, 0o644), os.Chmod(path, 0))
	}}
	if os.Geteuid() == 0 {
		unreadable.fails, unreadable.samples = "", 1 // root reads it
	}
	return []odd{
		unreadable,
		{name: "UPPER.PNG", data: good, samples: 1},
		{name: "photo.JPG", data: photo, samples: 1},
		{name: "photo.Jpeg", data: photo, samples: 1},
		{name: "photo.jfif", data: photo, samples: 1},
		{name: "photo.jpe", data: photo, samples: 1},
		{name: "JPEG inside.png", data: photo, samples: 1},
		{name: "inks.jpg", data: cmykJPEG(5, 4, [4]byte{200, 100, 50, 255}), samples: 1},
		{name: "palette.png", data: pngOf(paletted), samples: 1},
		{name: "16 bits grey.png", data: pngOf(grey16), samples: 1},
		{name: "16 bits.png", data: pngOf(colours64), samples: 1},
		{name: "map.bmp", data: encoded(t, func(b *bytes.Buffer) error { return bmp.Encode(b, colours) }), samples: 1},
		{name: "scan.tif", data: encoded(t, func(b *bytes.Buffer) error { return tiff.Encode(b, colours, nil) }), samples: 1},
		{name: "scan.TIFF", data: encoded(t, func(b *bytes.Buffer) error { return tiff.Encode(b, grey16, nil) }), samples: 1},
		{name: "new\nline.png", data: good, samples: 1},
		{name: "escape\x1b[31m.png", data: good, samples: 1},
		{name: "not UTF-8 \xff.png", data: good, samples: 1},
		{name: "moving.gif", data: moving, samples: 1},
		{name: "moving.GIF", data: moving, samples: 1},
		{name: "GIF inside.png", data: moving, samples: 1},
		{name: "link.png", make: link("ok.png"), samples: 1},

		{name: "empty.png", data: []byte{}, fails: "the file is empty"},
		{name: "truncated.png", data: good[:len(good)/2], fails: "damaged, cut short"},
		{name: "truncated.jpg", data: photo[:len(photo)-20], fails: "damaged, cut short"},
		{name: "header only.png", data: good[:20], fails: "damaged, cut short"},
		{name: "pages.tif", data: twoPages(t, colours), fails: "several pictures"},
		{name: "page not found.jpg", data: []byte("<html>404</html>"), fails: "neither PNG, JPEG"},
		{name: "AVIF inside.png", data: []byte("\x00\x00\x00\x20ftypavif"), fails: "neither PNG, JPEG"},
		{name: "huge.png", data: bomb(1<<20, 1<<20), fails: "it is 1048576 x 1048576: at most"},
		{name: "wide.png", data: bomb(1<<16+1, 1), fails: "65537 x 1: at most"},
		{name: "flat.png", data: bomb(5, 0), fails: "damaged, cut short"},
		{name: "other size.png", data: picturePNG(4, 5, color.White), samples: 1},
		{name: "folder.png", make: func(path string) error { return os.Mkdir(path, 0o755) }, fails: "is a directory, not a file"},
		{name: "pipe.png", make: fifo, fails: "is a named pipe, not a file"},
		{name: "endless.png", make: link("/dev/zero"), fails: "is a device, not a file"},
		{name: "nothing.png", make: link("/dev/null"), fails: "is a device, not a file"},
		{name: "dangling.png", make: link("gone"), fails: "no such file"},
		{name: "loop.png", make: link("loop.png"), fails: "too many levels of symbolic links"},
		{name: "sparse.png", make: func(path string) error {
			return errors.Join(os.WriteFile(path, good, 0o644), os.Truncate(path, 2*maxFile))
		}, fails: "more than the 67108864"},
		{name: "esc\x1b[2J.png", data: []byte{}, fails: `esc\x1b[2J.png`},
		{name: "gone\nwarning: all is well\x1b[2J.png", make: link("gone"), fails: "no such file"},
		{name: "pipe\nwarning: all is well\x1b[2J.png", make: fifo, fails: "is a named pipe"},

		{name: "moving.avif", data: moving, unused: ".avif files, which are not read"},
		{name: "photo.heic", data: []byte{1}, unused: ".heic files, which are not read"},
		{name: "photo", data: photo, unused: noEnding},
		{name: "photo.png.part", data: good, unused: ".part files, which are not read"},
		{name: "Thumbs.db", data: []byte{1}, unused: ".db files, which are not read"},
		{name: ".hidden.png", data: good, unused: hidden},
		{name: "._photo.jpg", data: []byte{1}, unused: hidden},
		{name: "pipe", make: fifo, unused: noEnding},
		{name: "zero", make: link("/dev/zero"), unused: noEnding},
		{name: "dangling", make: link("gone"), unused: noEnding},
		{name: "up", make: link(".."), unused: belowClass},
		{name: "more", make: func(path string) error {
			return errors.Join(os.MkdirAll(filepath.Join(path, "deep"), 0o755), os.WriteFile(filepath.Join(path, "deep", "1.png"),
				good, 0o644))
		}, unused: belowClass},
		{name: "__MACOSX", make: func(path string) error { return os.Mkdir(path, 0o755) }, unused: hidden},
		{name: "void", make: func(path string) error { return os.Mkdir(path, 0o755) }, unused: emptyFolder},
		{name: "forged\nwarning: all is well.avif", data: moving, unused: ".avif files, which are not read"},
		{name: "a.\x1b[31m", data: moving, unused: `".\x1b[31m" files, which are not read`},
	}
}

// oddFolder is a folder with a file more.
func oddFolder(t *testing.T, o odd) string {
	t.Helper()
	ok := picturePNG(5, 4, color.RGBA{10, 200, 30, 255})
	dir := write(t, t.TempDir(), map[string][]byte{"train/cat/ok.png": ok, "train/cat/zz.png": ok, "train/dog/ok.png": ok,
		"test/cat/ok.png": ok, "test/dog/ok.png": ok})
	path := filepath.Join(dir, "train/cat", o.name)
	if o.make == nil {
		o.make = func(path string) error { return os.WriteFile(path, o.data, 0o644) }
	}
	if err := o.make(path); err != nil {
		t.Fatal(err)
	}
	return dir
}

// Whatever lies in a class's folder is read, or named as a fault, or named as what
// counts for nothing; and nothing of its name reaches a terminal as it is.
func TestEveryOddFileIsReadOrNamed(t *testing.T) {
	for _, o := range oddFiles(t) {
		r, err := Verify(Config{Name: "folder", Dir: oddFolder(t, o)})
		var text strings.Builder
		if err != nil {
			text.WriteString(err.Error())
		} else if err := r.WriteText(&text); err != nil {
			t.Fatal(err)
		}
		if strings.ContainsRune(text.String(), '\x1b') || strings.Contains(text.String(), "\nwarning: all is well") {
			t.Errorf("%q: a name is printed as it is: %q", o.name, text.String())
		}
		switch {
		case o.fails != "":
			if !errors.Is(err, ErrData) || !strings.Contains(err.Error(), o.fails) {
				t.Errorf("%q: %v, want the fault %q", o.name, err, o.fails)
			}
		case err != nil:
			t.Errorf("%q: %v", o.name, err)
		case r.Train.Samples != 3+o.samples:
			t.Errorf("%q: %d samples", o.name, r.Train.Samples)
		case o.unused == "" && len(r.Unused) > 0 || o.unused != "" && (len(r.Unused) != 1 || r.Unused[0].What != o.unused ||
			r.Unused[0].Count != 1):
			t.Errorf("%q: counts for nothing: %v, want %q", o.name, r.Unused, o.unused)
		case o.unused != "" && !strings.Contains(text.String(), "counts for nothing: 1 "):
			t.Errorf("%q: the report does not tell: %s", o.name, text.String())
		}
	}
}

// What train says in a line is what Verify knows.
func TestTrainingTellsWhatVerifyKnows(t *testing.T) {
	ok := picturePNG(5, 4, color.White)
	files := map[string][]byte{"val/cat/1.png": ok, "train/list.csv": {1}, "train/1.png": ok, "train/.DS_Store": {1},
		"test/note.txt": {1}, "readme": {1}}
	for _, name := range []string{"train/cat/1.png", "train/dog/1.png", "test/cat/1.png", "test/dog/1.png", "train/cat/sub/2.png", "train/cat/sub/3.png"} {
		files[name] = ok
	}
	for _, name := range []string{"1.avif", "2.avif", "3.AVIF", "4.avif"} {
		files["train/dog/"+name] = []byte{1}
	}
	c := Config{Name: "folder", Dir: write(t, t.TempDir(), files)}
	r, err := Verify(c)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]int{}
	for _, u := range r.Unused {
		got[u.What] = u.Count
	}
	want := map[string]int{".avif files, which are not read": 4, besideClass: 3, besideSets: 2, belowClass: 2, hidden: 1}
	for what, n := range want {
		if got[what] != n {
			t.Errorf("%d %s, want %d", got[what], what, n)
		}
	}
	if len(got) != len(want) || len(r.Unused[0].Examples) != maxExamples || r.Unused[0].Examples[0] != "train/dog/1.avif" {
		t.Errorf("%v", r.Unused)
	}
	s, err := Open(c)
	if err != nil {
		t.Fatal(err)
	}
	notes := s.Notes()
	for _, part := range []string{"4 .avif files, which are not read (train/dog/1.avif) and 8 others", r.Warnings[0], "more warnings"} {
		if !strings.Contains(notes, part) || strings.Contains(notes, "\n") {
			t.Errorf("%q, want %q in it", notes, part)
		}
	}
	if shapes := shapesSet(t, 20, 10); shapes.Notes() != "" {
		t.Errorf("of a set with nothing odd: %q", shapes.Notes())
	}
}

// Files that look like a part of a set and are none are named.
func TestFilesOfOtherSetsAreNamed(t *testing.T) {
	for name, c := range map[string]struct {
		files map[string][]byte
		odd   []string
		names int
	}{
		"cifar10": {cifarFiles(""), []string{"data_batch_6.bin", "batches.meta.txt"}, 2},
		"mnist":   {mnist(), []string{"emnist-letters-train-images-idx3-ubyte.gz", "extra-ubyte"}, 1},
	} {
		for _, odd := range c.odd {
			c.files[odd] = []byte("other")
		}
		r, err := Verify(Config{Name: name, Dir: write(t, t.TempDir(), c.files)})
		if err != nil {
			t.Fatal(err)
		}
		count := 0
		for _, u := range r.Unused {
			count += u.Count
		}
		if count != len(c.odd) || len(r.Unused) != c.names {
			t.Errorf("%s: %v", name, r.Unused)
		}
	}
}

func TestClassNamesThatAreNoUTF8AreRefused(t *testing.T) {
	ok := picturePNG(5, 4, color.White)
	dir := write(t, t.TempDir(), map[string][]byte{"train/a\xff/1.png": ok, "train/b/1.png": ok, "test/b/1.png": ok})
	has(t, mustFail(t, "folder", dir), "a\\xff", "the name of a class must be UTF-8")
}

// webpPictures have one pixel; browsers are tested with them for WebP.
var webpPictures = map[string]string{
	"lossy":    "UklGRiIAAABXRUJQVlA4IBYAAAAwAQCdASoBAAEADsD+JaQAA3AAAAAA",
	"lossless": "UklGRhoAAABXRUJQVlA4TA0AAAAvAAAAEAcQERGIiP4HAA==",
	"alpha":    "UklGRkoAAABXRUJQVlA4WAoAAAAQAAAAAAAAAAAAQUxQSAwAAAARBxAR/Q9ERP8DAABWUDggGAAAABQBAJ0BKgEAAQAAAP4AAA3AAP7mtQAAAA==",
}

func TestWebP(t *testing.T) {
	for name, text := range webpPictures {
		data, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			t.Fatal(err)
		}
		s, err := Open(Config{Name: "folder", Dir: write(t, t.TempDir(), map[string][]byte{"train/a/1.webp": data, "train/b/1.WEBP": data,
			"test/a/1.webp": data, "test/b/1.webp": data})})
		if err != nil || s.Len(Train) != 2 {
			t.Errorf("%s: %v", name, err)
		}
	}
	moving, err := base64.StdEncoding.DecodeString("UklGRlIAAABXRUJQVlA4WAoAAAASAAAAAAAAAAAAQU5JTQYAAAD/////AABBTk1GJgAAAAAAAAAAAAAAAAAAAGQAAABWUDhMDQAAAC8AAAAQBxAREYiI/gcA")
	if err != nil {
		t.Fatal(err)
	}
	has(t, mustFail(t, "folder", write(t, t.TempDir(), map[string][]byte{"train/a/1.webp": moving, "train/b/1.webp": moving,
		"test/a/1.webp": moving, "test/b/1.webp": moving})), "of a kind that is not read")
}

// Adobe's inks are stored inverted: without black a byte is the light that is left.
func TestFourInksGiveTheirColour(t *testing.T) {
	dst := make([]byte, 3*20)
	if err := decodePlanes(dst, cmykJPEG(5, 4, [4]byte{200, 100, 50, 255}), pictureSize{5, 4}); err != nil {
		t.Fatal(err)
	}
	if dst[0] != 200 || dst[20] != 100 || dst[59] != 50 {
		t.Errorf("red %d, green %d, blue %d", dst[0], dst[20], dst[59])
	}
}

// 16 bits become the nearest of 8. The values are Python's: Fraction(v*255, 65535)
// rounded half up.
func TestSixteenBitsAreRounded(t *testing.T) {
	for v, want := range map[uint16]byte{0: 0, 128: 0, 129: 1, 255: 1, 256: 1, 385: 1, 386: 2, 0x7fff: 127, 0x8000: 128, 0x80ff: 128,
		0x8100: 128, 0x8101: 129, 0xfe7f: 254, 0xff7e: 254, 0xff7f: 255, 0xffff: 255} {
		img := image.NewGray16(image.Rect(0, 0, 1, 1))
		img.SetGray16(0, 0, color.Gray16{Y: v})
		data := encoded(t, func(b *bytes.Buffer) error { return png.Encode(b, img) })
		dst := make([]byte, 3)
		if err := decodePlanes(dst, data, pictureSize{1, 1}); err != nil || dst[0] != want || dst[2] != want {
			t.Errorf("%d: %v, want %d: %v", v, dst, want, err)
		}
	}
}
