package nn

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/tinygrow/tinygrow/tensor/faults"
)

// Card is what the user of a model has to know beside architecture and weights:
// how its inputs are made, what its outputs are called, and what it was trained on.
type Card struct {
	// Input is the shape of a picture: planes of its channels, red, green and
	// blue where there are three.
	Input Shape `json:"input"`
	// Mean and Std, by channel, normalise the bytes of a picture or the features of a row of a table: for
	// value v the network reads (v - Mean) / Std, computed in float64 and rounded to float32.
	Mean []float64 `json:"mean"`
	Std  []float64 `json:"std"`
	// Classes are the names of the outputs in their order: of classes, of numbers, or of labels.
	Classes []string `json:"classes"`
	Task    Task     `json:"task,omitempty"`
	// Table says how rows become inputs, where they are not pictures; nil: they are.
	Table *Table `json:"table,omitempty"`
	// Data is the name of the data set that the model was trained on, Digest the
	// SHA-256 of its contents in hexadecimal.
	Data   string `json:"data"`
	Digest string `json:"digest"`
	// Pictures says how a picture of any kind and size becomes an input, for people; empty: it was
	// not said when the model was made.
	Pictures string `json:"pictures,omitempty"`
	// Averaged: the weights are a moving average over the steps, not those of the last.
	Averaged bool `json:"averaged,omitempty"`
	// StandIn: the weights are not trained, workers stood in for computing.
	StandIn bool `json:"stand_in,omitempty"`
}

// Limits of what a card may hold.
const (
	maxCardClasses = 1 << 16
	maxClassName   = 1 << 10 // bytes of a name
	maxInputSide   = 1 << 16 // channels, rows or columns
)

// plainLetters are what names and digests of data sets consist of.
const plainLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_."

// Validate returns all faults at once, or nil.
func (c *Card) Validate() error {
	var found faults.List
	for _, side := range []int{c.Input.C, c.Input.H, c.Input.W} {
		found.Check(side >= 1 && side <= maxInputSide, "input of %d x %d x %d: each must be 1 to %d",
			c.Input.C, c.Input.H, c.Input.W, maxInputSide)
	}
	found.Check(len(c.Mean) == c.Input.C && len(c.Std) == c.Input.C, "mean of %d and deviation of %d channels, the input has %d",
		len(c.Mean), len(c.Std), c.Input.C)
	least, most := 0.0, float64(math.MaxUint8)
	if c.Table != nil {
		least, most = -math.MaxFloat32, math.MaxFloat32
		c.Table.check(&found, c.Task, c.Input.Len(), len(c.Classes))
	}
	for _, v := range c.Mean {
		found.Check(v >= least && v <= most, "mean %v: must be %g to %g", v, least, most)
	}
	for _, v := range c.Std {
		found.Check(v > 0 && v <= most, "deviation %v: must be above 0 and at most %g", v, most)
	}
	found.Check(c.Task == "" || slices.Contains(Tasks, c.Task), "task %.40q: must be one of %q", c.Task, Tasks)
	found.Check(c.Task.Labelled() || c.Table != nil, "task %q: is of tables", c.Task)
	found.Check(len(c.Classes) >= 1 && len(c.Classes) <= maxCardClasses, "%d classes: must be 1 to %d", len(c.Classes), maxCardClasses)
	for _, name := range c.Classes[:min(len(c.Classes), maxCardClasses)] {
		found.Check(len(name) <= maxClassName && utf8.ValidString(name), "class %.40q: must be UTF-8 of at most %d bytes", name,
			maxClassName)
	}
	found.Check(len(c.Pictures) <= maxClassName && utf8.ValidString(c.Pictures), "pictures %.40q: must be UTF-8 of at most %d bytes",
		c.Pictures, maxClassName)
	for _, name := range []string{c.Data, c.Digest} { // printed as they are
		found.Check(len(name) <= maxClassName && strings.Trim(name, plainLetters) == "",
			"data set %.40q of digest %.80q: they must be of plain letters and digits", c.Data, c.Digest)
	}
	return found.Err()
}

// Equal reports whether two cards say the same of inputs, outputs and data, to the bit.
func (c *Card) Equal(d *Card) bool {
	return c.Input == d.Input && slices.Equal(c.Mean, d.Mean) && slices.Equal(c.Std, d.Std) &&
		slices.Equal(c.Classes, d.Classes) && c.Data == d.Data && c.Digest == d.Digest && c.Task == d.Task && c.Table.Equal(d.Table)
}

// Fits returns an error if graph g reads other pictures or has another number of outputs.
func (c *Card) Fits(g *Graph) error {
	shapes, err := g.Shapes()
	if err != nil {
		return err
	}
	if outputs := shapes[g.Output().ID].Len(); c.Input != g.Input || len(c.Classes) != outputs {
		return fmt.Errorf("inputs of %v and %d classes, the network reads %v and has %d outputs", c.Input, len(c.Classes), g.Input, outputs)
	}
	return nil
}

// SameClasses returns an error that names the classes if those of some data are not
// the model's, in its order. Data without names, which number their classes, are
// taken to be the model's if they are of the same data set.
func (c *Card) SameClasses(data string, names []string) error {
	if slices.Equal(c.Classes, names) || len(c.Classes) == len(names) && c.Data == data && (numbered(names) || numbered(c.Classes)) {
		return nil
	}
	return fmt.Errorf("the model tells apart the classes %s, the data set has %s", listed(c.Classes), listed(names))
}

// ClassList names the first classes, quoted.
func (c *Card) ClassList() string { return listed(c.Classes) }

// numbered reports whether the classes are called 0, 1, 2 and so on.
func numbered(names []string) bool {
	for i, name := range names {
		if name != strconv.Itoa(i) {
			return false
		}
	}
	return true
}

// listed names the first classes of a list.
func listed(names []string) string {
	const most = 12
	var b strings.Builder
	for i, name := range names[:min(len(names), most)] {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "%.40q", name)
	}
	if more := len(names) - most; more > 0 {
		fmt.Fprintf(&b, " and %d more", more)
	}
	return b.String()
}
