package nn

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tinygrow/tinygrow/tensor/nn/netfile"
)

// Whatever a file says, what comes of it is a graph that prints as itself, or faults.
func FuzzModelText(f *testing.F) {
	for _, name := range []string{"mlp", "cnn", "resnet20"} {
		text, _ := Source(name)
		f.Add(text)
	}
	mistakes, err := os.ReadFile(filepath.Join("testdata", "mistakes.txt"))
	if err != nil {
		f.Fatal(err)
	}
	for _, c := range strings.Split(string(mistakes), "\n# ") {
		if text, _, _ := strings.Cut(c, "\n-----"); !strings.Contains(text, "repeat: 4") { // those take long
			f.Add("# " + text)
		}
	}
	f.Fuzz(func(t *testing.T, text string) {
		c := ModelConfig{Name: "net.yaml", Text: text, Input: Shape{3, 16, 16}, Classes: 3}
		g, err := Build(c)
		var fault *netfile.Fault
		if text == "" || err != nil && errors.As(err, &fault) {
			return
		}
		if err != nil {
			t.Fatalf("no fault of the file: %v", err)
		}
		if c.Text, err = Print(g); err != nil {
			t.Fatal(err)
		}
		back, err := Build(c)
		if err != nil || !bytes.Equal(g.JSON(), back.JSON()) {
			t.Fatalf("%v: printed as\n%s", err, c.Text)
		}
	})
}
