package kernel

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// One legacy SSE instruction on dirty upper halves costs a hundred nanoseconds,
// and so does a return without VZEROUPPER to code that uses SSE.
func TestAssemblyHasNoLegacySSE(t *testing.T) {
	files, err := filepath.Glob("*_amd64.s")
	if err != nil || len(files) == 0 {
		t.Fatalf("no assembly found: %v", err)
	}
	vector := regexp.MustCompile(`\b[XYZ]([0-9]|[12][0-9]|3[01])\b`)
	label := regexp.MustCompile(`^\w+:$`)
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		function, dirty := "", false
		for i, line := range strings.Split(string(text), "\n") {
			line = strings.TrimSpace(line)
			fields := strings.Fields(line)
			if len(fields) == 0 || strings.HasPrefix(line, "//") || label.MatchString(line) {
				continue
			}
			switch op := fields[0]; {
			case op == "TEXT":
				function, dirty = fields[1], false
			case op == "VZEROUPPER":
				dirty = false
			case op == "RET":
				if dirty {
					t.Errorf("%s:%d: %s returns without VZEROUPPER", file, i+1, function)
				}
			case vector.MatchString(line):
				dirty = true
				if !strings.HasPrefix(op, "V") && !strings.HasPrefix(op, "K") {
					t.Errorf("%s:%d: %s uses legacy %s", file, i+1, function, op)
				}
			}
		}
	}
}

func TestNothingAllocates(t *testing.T) {
	withISA(t, func(t *testing.T) {
		for _, g := range geometries {
			c := NewConv(g)
			x, y, w := make([]float32, g.inputLen()), make([]float32, g.outputLen()), make([]float32, g.weights())
			bias, packed, scratch := make([]float32, g.OutC), make([]float32, c.PackedLen()), make([]float32, c.ScratchLen(1))
			n := testing.AllocsPerRun(1, func() {
				c.Pack(packed, w)
				c.Forward(y, x, packed, bias, 1, scratch)
				c.BackwardData(x, y, packed, 1, scratch)
				c.BackwardWeights(w, bias, x, y, 1, scratch)
			})
			if n != 0 {
				t.Errorf("%+v: %v allocations, want none", g, n)
			}
		}
	})
}
