package coordinator

import (
	"errors"
	"strings"
	"testing"

	"github.com/tinygrow/tinygrow/tensor/nn"
)

// A run goes on with its own samples, classes and normalisation, or says what differs.
func TestARunGoesOnWithItsOwnData(t *testing.T) {
	card := func() *nn.Card {
		return &nn.Card{Input: nn.Shape{C: 1, H: 2, W: 2}, Mean: []float64{3}, Std: []float64{4}, Classes: []string{"cat", "dog"},
			Data: "folder", Digest: "abc"}
	}
	for name, c := range map[string]struct {
		change func(*nn.Card)
		says   []string
	}{
		"the same":            {func(*nn.Card) {}, nil},
		"other samples":       {func(c *nn.Card) { c.Digest = "def" }, []string{"abc", "def", "--data-dir"}},
		"another order":       {func(c *nn.Card) { c.Classes = []string{"dog", "cat"} }, []string{`"cat", "dog"`, `"dog", "cat"`}},
		"other names":         {func(c *nn.Card) { c.Classes[1] = "fox" }, []string{`"fox"`}},
		"other normalisation": {func(c *nn.Card) { c.Mean[0]++ }, []string{"build"}},
		"numbers for names":   {func(c *nn.Card) { c.Classes = []string{"0", "1"} }, nil},
	} {
		here := card()
		c.change(here)
		err := Data{Card: here}.Continues(card())
		if errors.Is(err, ErrOtherData) != (c.says != nil) {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for _, part := range c.says {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("%s: %v, want %q in it", name, err, part)
			}
		}
	}
	if err := (Data{Card: card()}).Continues(nil); err != nil {
		t.Errorf("a checkpoint without a card: %v", err)
	}
}
