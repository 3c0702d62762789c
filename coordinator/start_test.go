package coordinator

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/tinygrow/tinygrow/tensor/nn"
)

// A start gives its weights to a network of the same classes, all of them, and to one
// of other classes all but the last layer's.
func TestStartFits(t *testing.T) {
	g, err := nn.Build(nn.ModelConfig{Name: "cnn", Input: nn.Shape{C: 3, H: 8, W: 8}, Classes: 3, Widths: []int{4, 5}})
	if err != nil {
		t.Fatal(err)
	}
	g.Generation = 6
	m := nn.Init(g, 1)
	for i := range m.Buffers {
		m.Buffers[i] = float32(i + 1)
	}
	card := func(classes ...string) *nn.Card {
		return &nn.Card{Input: g.Input, Mean: []float64{1, 2, 3}, Std: []float64{1, 1, 1}, Classes: classes, Data: "folder"}
	}
	s := Start{m, card("a", "b", "c")}
	same, notes, err := s.Fit(Data{Shape: g.Input, Classes: 3, Card: card("a", "b", "c")}, 9)
	if err != nil || len(notes) != 0 || !slices.Equal(same.Params, m.Params) || !slices.Equal(same.Buffers, m.Buffers) ||
		same.Graph.Generation != 0 {
		t.Fatalf("%v %v", notes, err)
	}
	for _, classes := range [][]string{{"a", "b"}, {"a", "b", "d"}} {
		got, notes, err := s.Fit(Data{Shape: g.Input, Classes: len(classes), Card: card(classes...)}, 9)
		if err != nil || len(notes) != 1 || !strings.Contains(notes[0], "layer fc begins with fresh weights") {
			t.Fatalf("%v: %v %v", classes, notes, err)
		}
		fresh := nn.Init(got.Graph, 9)
		was := nn.ByName(g.ParamEntries())
		for _, e := range got.Graph.ParamEntries() {
			want := was[e.Name].Of(m.Params)
			if e.Node == "fc" {
				want = e.Of(fresh.Params)
			}
			if !slices.Equal(e.Of(got.Params), want) {
				t.Errorf("%v: %s has other values", classes, e.Name)
			}
		}
		if !slices.Equal(got.Buffers, m.Buffers) {
			t.Errorf("%v: other buffers", classes)
		}
	}
	if _, notes, err := s.Fit(Data{Shape: nn.Shape{C: 3, H: 9, W: 16}, Classes: 3, Card: card("a", "b", "c")}, 9); err != nil ||
		len(notes) != 1 || !strings.Contains(notes[0], "3x9x16") {
		t.Error(notes, err)
	}
	if _, _, err := s.Fit(Data{Shape: nn.Shape{C: 1, H: 8, W: 8}, Classes: 3}, 9); !errors.Is(err, ErrStart) {
		t.Error(err)
	}
}
