package dataset

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/tinygrow/tinygrow/tensor"
	"github.com/tinygrow/tinygrow/tensor/nn"
)

// tabular says what the samples of a set are if they are rows of a table: the features, then the targets
// that are numbers, each a float32 of 4 bytes, little-endian. A feature that is no number is the mean.
type tabular struct {
	Task  nn.Task   `json:"task,omitempty"` // empty: classification
	Table *nn.Table `json:"table"`
	Mean  []float64 `json:"mean"` // one mean for each feature
	Std   []float64 `json:"std"`
	// Numbers is how many targets are numbers: none where a row's label is its class.
	Numbers int `json:"numbers"`
}

// tabularOf returns what a model with a card reads if that is rows of a table; nil: it is pictures.
func tabularOf(c *nn.Card) *tabular {
	if c.Table == nil {
		return nil
	}
	t := &tabular{Task: c.Task, Table: c.Table, Mean: c.Mean, Std: c.Std}
	if !c.Task.Labelled() {
		t.Numbers = len(c.Classes)
	}
	return t
}

// SampleSize returns the bytes of a picture, or of a row, that a model with card c reads.
func SampleSize(c *nn.Card) int { return tabularOf(c).size(c.Input) }

// EachRow calls do for each row of the table at path, with its line in the file, as a model with card c
// reads it. Columns are found by their names, and targets need not be there. The row is valid until do returns.
func EachRow(path string, c *nn.Card, do func(line int, row []byte) error) error {
	r, err := openRows(path)
	if err != nil {
		return faulty(tableReader.title, err)
	}
	p := &plan{train: r, test: r}
	if err := p.as(c, false); err != nil {
		return faulty(tableReader.title, err)
	}
	row := make([]byte, SampleSize(c))
	return faulty(tableReader.title, r.each(func(line int, cells []string) error {
		if _, err := p.encode(row, cells); err != nil {
			return err
		}
		return do(line, row)
	}))
}

// moments64 are means and deviations.
type moments64 struct{ mean, std []float64 }

// maxFeatures bounds the features of a row.
const maxFeatures = 1 << 14

// size returns the bytes of a sample of a set of that shape.
func (t *tabular) size(shape nn.Shape) int {
	if t == nil {
		return shape.Len()
	}
	return 4 * (shape.C + t.Numbers)
}

// numbers returns how many targets are numbers, none for pictures.
func (t *tabular) numbers() int {
	if t == nil {
		return 0
	}
	return t.Numbers
}

// check refuses what no table says.
func (t *tabular) check(shape nn.Shape, outputs []string) error {
	if t.Table == nil || shape.H != 1 || shape.W != 1 {
		return errors.New("a table without columns, or of pictures")
	}
	numbers := len(outputs)
	if t.Task.Labelled() {
		numbers = 0
	}
	if t.Numbers != numbers {
		return fmt.Errorf("%d targets that are numbers, and %d outputs", t.Numbers, len(outputs))
	}
	card := nn.Card{Input: shape, Mean: t.Mean, Std: t.Std, Classes: outputs, Task: t.Task, Table: t.Table}
	return card.Validate()
}

// fillRows writes rows of a split to b, sample i of the batch row at(i): its features, normalised, and its class
// or its targets. Rows are not augmented.
func (s *Set) fillRows(b *nn.Batch, split *samples, at func(i int) int) error {
	features, numbers := s.shape.C, s.tabular.Numbers
	var row []byte
	if split.store != nil {
		row = make([]byte, s.sampleSize()+slack)
	}
	clear(b.X)
	for i := range b.N {
		from := at(i)
		if split.store == nil {
			row = split.image(from)
		} else if err := split.store.read(row, split.at(from)); err != nil {
			return faulty(s.name, err)
		}
		block, lane := i/tensor.Lanes*tensor.Lanes, i%tensor.Lanes
		x := b.X[block*features+lane:]
		for c := range features {
			if v := at32(row, c); v == v {
				x[c*tensor.Lanes] = float32((float64(v) - s.by.mean[c]) / s.by.std[c])
			}
		}
		if b.Labels[i] = int32(split.labels[from]); numbers > 0 {
			b.Labels[i] = nn.NoLabel
		}
		switch {
		case len(b.Targets) == 0:
		case numbers == 0:
			b.Targets[block*len(s.classes)+int(b.Labels[i])*tensor.Lanes+lane] = 1
		default:
			for t := range numbers {
				b.Targets[block*numbers+t*tensor.Lanes+lane] = at32(row, features+t)
			}
		}
	}
	return nil
}

// at32 returns number i of a row.
func at32(row []byte, i int) float32 {
	return math.Float32frombits(binary.LittleEndian.Uint32(row[4*i:]))
}

// openTable opens a table and finds out what its columns are.
func openTable(c Config, what scope) (*source, error) {
	p, err := planTable(c, what)
	if err != nil {
		return nil, err
	}
	s := &Set{shape: nn.Shape{C: len(p.mean), H: 1, W: 1}, classes: p.outputs,
		tabular: &tabular{Task: p.task, Table: p.table, Mean: p.mean, Std: p.std, Numbers: p.numbers()}}
	if s.shape.C > maxFeatures {
		return nil, fmt.Errorf("%s: its columns are %d features: at most %d are read; leave some out with data.table.ignore", p.train.path,
			s.shape.C, maxFeatures)
	}
	if p.said != "" {
		s.said = append(s.said, p.said)
	}
	n := p.count[0] + p.count[1]
	return &source{set: s, samples: int64(n), size: int64(p.size()), read: func() error { return p.read(s, what.train) }}, nil
}

// read reads the rows into s.
func (p *plan) read(s *Set, train bool) error {
	size := p.size()
	for i, split := range []*samples{&s.train, &s.test} {
		split.images, split.labels = make([]byte, 0, p.count[i]*size), make([]uint16, 0, p.count[i])
	}
	take := func(to *samples, cells []string) error {
		at := len(to.images)
		to.images = slices.Grow(to.images, size)[:at+size]
		label, err := p.encode(to.images[at:], cells)
		to.labels = append(to.labels, label)
		return err
	}
	at := 0
	if train || p.drawn != nil {
		err := p.train.each(func(_ int, cells []string) error {
			switch at++; {
			case p.isTest(at - 1):
				return take(&s.test, cells)
			case train:
				return take(&s.train, cells)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	if p.drawn != nil {
		return nil
	}
	return p.test.each(func(_ int, cells []string) error { return take(&s.test, cells) })
}

// validate returns the faults of c; used says that the set is a table.
func (c TableConfig) validate(used bool) error {
	switch {
	case c.Task != "" && c.Task != taskAuto && !slices.Contains(nn.Tasks, nn.Task(c.Task)):
		return fmt.Errorf("table.task %q: must be auto, classification, regression or multilabel", c.Task)
	case !used && (len(c.Target) > 0 || len(c.Ignore) > 0 || c.Task != "" && c.Task != taskAuto):
		return errors.New("table: is of the data set table alone: name it with --data table")
	}
	return nil
}
