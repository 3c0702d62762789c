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

// Task says what the outputs of a network are.
type Task string

// The tasks. An empty one is Classification.
const (
	Classification Task = "classification" // each output is a class, and a sample is of one
	Regression     Task = "regression"     // each output is a number
	MultiLabel     Task = "multilabel"     // each output is a label that a sample has or has not
)

// Tasks are all of them.
var Tasks = []Task{Classification, Regression, MultiLabel}

// Loss returns the loss that a network of the task is trained by if none is named.
func (t Task) Loss() Loss {
	switch t {
	case Regression:
		return MSE
	case MultiLabel:
		return BinaryCrossEntropy
	}
	return CrossEntropy
}

// Takes returns an error if the task cannot be trained by a loss.
func (t Task) Takes(l Loss) error {
	if l == t.Loss() || t.Labelled() && l == MSE {
		return nil
	}
	return fmt.Errorf("loss %q: %s is trained by %q", l, t.orClassification(), t.Loss())
}

func (t Task) orClassification() Task {
	if t == "" {
		return Classification
	}
	return t
}

// Labelled reports whether every sample is of one class.
func (t Task) Labelled() bool { return t.orClassification() == Classification }

// Metric names what Metrics.Correct over Metrics.N is.
func (t Task) Metric() string {
	switch t {
	case Regression:
		return "R2"
	case MultiLabel:
		return "label accuracy"
	}
	return "accuracy"
}

// TellScore tells an accuracy, or what a metric says in its place: accuracy 88.12 %, R2 0.5312. An empty
// metric is accuracy.
func TellScore(metric string, v float64) string {
	switch metric {
	case Regression.Metric():
		return fmt.Sprintf("%s %.4f", metric, v)
	case "":
		metric = Classification.Metric()
	}
	return fmt.Sprintf("%s %.2f %%", metric, float64(100*v))
}

// Table says how the rows of a table become inputs of shape (features, 1, 1), column by column.
type Table struct {
	Columns []Column `json:"columns"`
	// Targets are the names of the columns that outputs tell.
	Targets []string `json:"targets"`
	// Scale is, for Regression, the mean and the standard deviation of each output's training targets: the
	// network puts out (target - Mean) / Std.
	Scale []Scale `json:"scale,omitempty"`
}

// Scale is a mean and a standard deviation.
type Scale struct {
	Mean float64 `json:"mean"`
	Std  float64 `json:"std"`
}

// Column is a column of a table. One of numbers is one feature. One of categories is a feature for each of
// Values, 1 for that of the row and 0 for the others; all are 0 for a value that training did not know.
type Column struct {
	Name   string   `json:"name"`
	Values []string `json:"values,omitempty"`
	// Gaps says that numbers are missing in training: a feature behind them is 1 where the number is
	// missing, and 0 elsewhere. A missing number itself is read as the mean.
	Gaps bool `json:"gaps,omitempty"`
}

// Features returns how many features the column is.
func (c *Column) Features() int {
	switch {
	case len(c.Values) > 0:
		return len(c.Values)
	case c.Gaps:
		return 2
	}
	return 1
}

// Features returns how many features a row is.
func (t *Table) Features() int {
	n := 0
	for i := range t.Columns {
		n += t.Columns[i].Features()
	}
	return n
}

// Missing reports whether a cell is empty, or one of the words for a missing value.
func Missing(cell string) bool {
	switch strings.TrimSpace(cell) {
	case "", "?", "NA", "N/A", "NaN", "nan", "null", "NULL", "None":
		return true
	}
	return false
}

// Number reads a cell of a column of numbers; NaN for a missing one.
func Number(cell string) (float64, error) {
	if Missing(cell) {
		return math.NaN(), nil
	}
	v, err := strconv.ParseFloat(strings.TrimSpace(cell), 64)
	if err != nil || math.IsInf(v, 0) || math.Abs(v) > math.MaxFloat32 {
		return 0, fmt.Errorf("%.40q is no finite number", cell)
	}
	return v, nil
}

// Encode writes the features of a row, as many cells as there are columns, to dst, Features long. A missing
// number is NaN, which is read as the column's mean.
func (t *Table) Encode(dst []float32, row []string) error {
	if len(row) != len(t.Columns) {
		return fmt.Errorf("%d cells, and the table has %d columns of features", len(row), len(t.Columns))
	}
	at := 0
	for i := range t.Columns {
		c := &t.Columns[i]
		to := dst[at:][:c.Features()]
		at += len(to)
		if len(c.Values) > 0 {
			clear(to)
			if v, known := slices.BinarySearch(c.Values, strings.TrimSpace(row[i])); known {
				to[v] = 1
			}
			continue
		}
		v, err := Number(row[i])
		if err != nil {
			return fmt.Errorf("column %.40q: %w", c.Name, err)
		}
		if to[0] = float32(v); c.Gaps {
			to[1] = 0
			if v != v {
				to[1] = 1
			}
		}
	}
	return nil
}

// Equal reports whether two tables say the same, to the bit; nil is none.
func (t *Table) Equal(u *Table) bool {
	if t == nil || u == nil {
		return t == u
	}
	same := func(a, b Column) bool {
		return a.Name == b.Name && a.Gaps == b.Gaps && slices.Equal(a.Values, b.Values)
	}
	return slices.Equal(t.Scale, u.Scale) && slices.Equal(t.Targets, u.Targets) && slices.EqualFunc(t.Columns, u.Columns, same)
}

// maxColumns bounds the columns of a table, and the values of one of them.
const maxColumns = 1 << 14

// check adds the faults of a table with so many features and outputs of a task.
func (t *Table) check(found *faults.List, task Task, features, outputs int) {
	found.Check(len(t.Columns) >= 1 && len(t.Columns) <= maxColumns, "%d columns: must be 1 to %d", len(t.Columns), maxColumns)
	for i := range t.Columns[:min(len(t.Columns), maxColumns)] {
		c := &t.Columns[i]
		found.Check(len(c.Values) <= maxColumns && slices.IsSorted(c.Values), "column %.40q: its values must be at most %d, in order",
			c.Name, maxColumns)
		found.Check(len(c.Values) == 0 || !c.Gaps, "column %.40q: one of categories has no gaps", c.Name)
		for _, name := range append([]string{c.Name}, c.Values[:min(len(c.Values), maxColumns)]...) {
			found.Check(len(name) <= maxClassName && utf8.ValidString(name), "column %.40q: names must be UTF-8 of at most %d bytes", name,
				maxClassName)
		}
	}
	found.Check(len(t.Targets) >= 1 && len(t.Targets) <= maxColumns && (task.Labelled() || len(t.Targets) == outputs),
		"%d targets for %d outputs of %s", len(t.Targets), outputs, task.orClassification())
	found.Check(t.Features() == features, "its columns are %d features, the network reads %d", t.Features(), features)
	scales := 0
	if task == Regression {
		scales = outputs
	}
	found.Check(len(t.Scale) == scales, "%d scales of outputs: must be %d", len(t.Scale), scales)
	for _, s := range t.Scale {
		found.Check(faults.Finite(s.Mean) && faults.Finite(s.Std) && s.Std > 0,
			"scale %v: must be a finite mean and a deviation above 0", s)
	}
}
