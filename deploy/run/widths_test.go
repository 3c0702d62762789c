package run

import (
	"slices"
	"testing"

	"github.com/tinygrow/tinygrow/growth/site"
	"github.com/tinygrow/tinygrow/tensor/nn"
)

// A network like one that has grown, heads among it, has the same layers.
func TestNetworkLikeOneThatGrewHeads(t *testing.T) {
	s := &Saved{Settings: Defaults()}
	s.Settings.Model = nn.ModelConfig{Name: "vit", Width: 16, Parameters: map[string]string{"depth": "2", "heads": "2"}}
	c := s.Settings.Model
	c.Input, c.Classes = nn.Shape{C: 3, H: 16, W: 16}, 4
	g, err := nn.Build(c)
	if err != nil {
		t.Fatal(err)
	}
	at, ok := site.Find(g, "block.1.attention")
	if !ok {
		t.Fatal("its heads are no site")
	}
	at.Gain(g, 3)
	s.Model = nn.Init(g, 1)
	like, err := s.network()
	if err != nil {
		t.Fatal(err)
	}
	like.Input, like.Classes = c.Input, c.Classes
	again, err := nn.Build(like)
	if err != nil {
		t.Fatal(err)
	}
	same := func(a, b nn.Node) bool { return a.ID == b.ID && a.Out == b.Out && a.Heads == b.Heads }
	if again.Node("block.1.attention").Heads != 5 || !slices.EqualFunc(again.Nodes, g.Nodes, same) {
		t.Errorf("units %v make another network", like.Units)
	}
}
