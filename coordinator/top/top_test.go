package top

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/mattn/go-runewidth"

	"github.com/tinygrow/tinygrow/coordinator"
	"github.com/tinygrow/tinygrow/coordinator/ui"
	"github.com/tinygrow/tinygrow/coordinator/view"
	"github.com/tinygrow/tinygrow/growth"
	"github.com/tinygrow/tinygrow/tensor/nn"
)

// aPage is a page with more layers and workers than a small screen has lines for.
func aPage() *Page {
	p := &Page{Info: view.Info{Name: "a\x1b[2Jrun", State: view.Running, Model: "vgg", Data: "cifar10", Policy: "tiny"},
		Network: &view.Network{}, Live: &ui.Status{Steps: 900, Left: 125, Timing: coordinator.Timing{WallS: 10,
			Phases: coordinator.Phases{Wait: 8, Update: 1}}}}
	for i := range 300 {
		c := &p.Series
		c.Step, c.Loss, c.Accuracy = append(c.Step, float64(i)), append(c.Loss, 300-float64(i)), append(c.Accuracy, float64(i)/300)
		c.Epoch, c.Params, c.FLOPs = append(c.Epoch, float64(i)/10), append(c.Params, 12345), append(c.FLOPs, 1e12)
		c.Wall, c.Speed = append(c.Wall, float64(i)), append(c.Speed, 1234)
	}
	for i := range 30 {
		p.Network.Nodes = append(p.Network.Nodes, view.Node{ID: nn.NodeID(fmt.Sprintf("layer%d.0.conv1", i)), Kind: "layer", Start: 4,
			Shape: nn.Shape{C: 4 + i}})
		p.Live.Workers = append(p.Live.Workers, ui.WorkerStatus{ID: "w", Host: "h", State: "idle"})
	}
	p.Events = []view.Event{{Step: 7, Grown: []view.Grown{{Site: "layer29.0.conv1", From: 20, To: 33, Sentence: strings.Repeat("because ", 60)}}}}
	p.Evaluations = []view.Evaluation{{Split: "test", Accuracy: 0.5}}
	return p
}

var sequence = regexp.MustCompile("\x1b\\[[0-9;]*m")

// A page fits every screen, says the most important on all of them, and what comes from
// a run moves no cursor.
func TestPageFitsEveryScreen(t *testing.T) {
	for _, size := range [][2]int{{80, 24}, {120, 50}, {40, 24}, {20, 10}, {79, 8}, {200, 100}, {5, 3}} {
		for _, style := range []Style{{Colour: true}, {Plain: true}} {
			style.Width, style.Height = size[0], size[1]
			text := Render(aPage(), style)
			plain := sequence.ReplaceAllString(text, "")
			if strings.Contains(plain, "\x1b") || !style.Colour && text != plain {
				t.Fatalf("%v: control sequences in %q", size, plain)
			}
			lines := strings.Split(plain, "\n")
			if len(lines) > size[1] {
				t.Errorf("%v: %d lines", size, len(lines))
			}
			for _, l := range lines {
				if w := runewidth.StringWidth(l); w > max(size[0], 20) {
					t.Errorf("%v: %d columns: %q", size, w, l)
				}
			}
			if !strings.Contains(plain, "running") && size[0] >= 40 {
				t.Errorf("%v: the state is missing", size)
			}
			if size == [2]int{80, 24} {
				for _, want := range []string{"step 299/900", "ETA 2m5s", "wait 80 %", "4>33", "more layers", "because"} {
					if !strings.Contains(plain, want) {
						t.Errorf("%q is missing in\n%s", want, plain)
					}
				}
			}
		}
	}
	if text := Render(&Page{Info: view.Info{Name: "new"}}, Style{Width: 80}); !strings.Contains(text, "no step was made yet") {
		t.Errorf("of a new run: %s", text)
	}
}

// Layers have the widths of now, also where the newest checkpoint is of before an event.
func TestWidthsBehindTheCheckpoint(t *testing.T) {
	p := aPage()
	p.Network.Nodes = p.Network.Nodes[29:]
	p.Events[0].Generation, p.Network.Generation = 3, 3
	p.Events[0].Grown[0].To = 60
	if text := Render(p, Style{Width: 80}); !strings.Contains(text, "4>60") {
		t.Errorf("of before the event:\n%s", text)
	}
	p.Network.Generation = 4
	if text := Render(p, Style{Width: 80}); !strings.Contains(text, "4>33") {
		t.Errorf("of behind the event:\n%s", text)
	}
}

// A pruning is told as one, and leaves nothing new.
func TestPrunedPage(t *testing.T) {
	p := aPage()
	p.Network.Nodes = p.Network.Nodes[29:]
	p.Network.Nodes[0].Shape.C = 9
	p.Events = []view.Event{{Step: 7, Decision: growth.Prune, Grown: []view.Grown{{Site: "layer29.0.conv1", From: 20, To: 9, Sentence: "for a reason"}}}}
	text := Render(p, Style{Width: 80, Plain: true})
	bar := regexp.MustCompile(`layer29.*4>9`).FindString(text)
	if !strings.Contains(text, "was pruned at step 7") || bar == "" || strings.Contains(bar, "+") {
		t.Errorf("a pruning reads\n%s", text)
	}
}

// A curve goes through all levels, each column the mean of its part.
func TestSpark(t *testing.T) {
	for want, values := range map[string][]float64{
		"▁█  ": {0, 1},
		"▁▃▅█": {0, 1, 2, 3},
		"▁▁▁▁": {7, 7, 7, 7},
		"█▁██": {2, 4, 0, 0, 3, 3, 1, 5},
	} {
		if got := spark(values, 4, false); got != want {
			t.Errorf("%v: %q, want %q", values, got, want)
		}
	}
}
