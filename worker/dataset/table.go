package dataset

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/tinygrow/tinygrow/tensor/nn"
	"github.com/tinygrow/tinygrow/tensor/rng"
)

// TableConfig says what the columns of a table are.
type TableConfig struct {
	// Target names the columns to tell; empty: the last one.
	Target []string `yaml:"target" json:"target"`
	// Task is classification, regression, multilabel, or auto: several targets are numbers to tell, or labels if
	// all of them are 0 and 1; a single one is a class if it is text, or of at most 20 different whole numbers.
	Task string `yaml:"task" json:"task"`
	// Ignore names columns that are no features, as identifiers.
	Ignore []string `yaml:"ignore" json:"ignore"`
}

// taskAuto lets the targets tell the task.
const taskAuto = "auto"

const (
	// maxAutoClasses is how many whole numbers are taken for classes.
	maxAutoClasses = 20
	// maxValues bounds the different texts of a column of features.
	maxValues = 256
)

// TableName is the name of sets that are tables.
const TableName = "table"

// tableReader reads tables.
var tableReader = reader{
	name: TableName, title: "table",
	about: "rows of a CSV or Parquet file, or of train.csv and test.csv: numbers and categories; data.table.target names what to tell",
	lies: func(dir string) bool {
		train, _, err := tableFiles(dir)
		return err == nil && isTable(train)
	},
	open: openTable,
}

// OfRows reports whether the set of that name in dir is a table, or one that was packed.
func OfRows(name, dir string) bool {
	if name != packedReader.name {
		return name == TableName
	}
	path, err := packedPath(dir)
	if err != nil {
		return false
	}
	p, err := openPacked(path)
	if err != nil {
		return false
	}
	p.f.Close()
	return p.h.Table != nil
}

// column is what is known of a column from its training rows.
type column struct {
	name    string
	text    bool           // some cell is no number
	whole   bool           // all numbers are whole
	binary  bool           // all numbers are 0 or 1
	gaps    bool           // some cell is missing
	values  map[string]int // the cells, nil beyond most
	most    int
	sum     float64 // the sum of numbers
	square  float64 // sum of squares of their differences from the mean, once the sum is known
	numbers int
}

// see notes a cell.
func (c *column) see(cell string) {
	if nn.Missing(cell) {
		c.gaps = true
		return
	}
	if cell = strings.TrimSpace(cell); c.values != nil {
		if c.values[cell]++; len(c.values) > c.most {
			c.values = nil
		}
	}
	v, err := nn.Number(cell)
	if err != nil {
		c.text = true
		return
	}
	c.sum += float64(float32(v))
	c.numbers++
	c.whole = c.whole && v == math.Trunc(v)
	c.binary = c.binary && (v == 0 || v == 1)
}

func (c *column) mean() float64 { return c.sum / float64(max(c.numbers, 1)) }

// std is the standard deviation, 1 for numbers that are all the same.
func (c *column) std() float64 {
	if std := math.Sqrt(c.square / float64(max(c.numbers, 1))); std > 0 {
		return std
	}
	return 1
}

// sorted returns the values in the order of their numbers, or of their text.
func (c *column) sorted() []string {
	all := slices.Sorted(maps.Keys(c.values))
	if !c.text {
		slices.SortStableFunc(all, func(a, b string) int {
			x, _ := nn.Number(a)
			y, _ := nn.Number(b)
			switch {
			case x < y:
				return -1
			case x > y:
				return 1
			}
			return strings.Compare(a, b)
		})
	}
	return all
}

// plan says how the rows of a table become samples.
type plan struct {
	task        nn.Task
	table       *nn.Table
	features    []int    // columns of features, in order
	targets     []int    // columns of targets
	outputs     []string // names of classes or targets
	mean, std   []float64
	train, test *rows
	drawn       []bool // rows for testing, where both splits are of one file
	count       [2]int // training and test rows
	said        string // how they were chosen; empty: by files

	// Of encode, which is not called concurrently.
	row     []string
	values  []float32
	classes map[string]uint16 // classes by name
}

// size returns the bytes of a sample.
func (p *plan) size() int { return 4 * (len(p.mean) + p.numbers()) }

// numbers returns how many targets of a sample are numbers.
func (p *plan) numbers() int {
	if p.task.Labelled() {
		return 0
	}
	return len(p.targets)
}

// isTest reports whether row i of the file of training rows is for testing.
func (p *plan) isTest(i int) bool { return p.drawn != nil && p.drawn[i] }

// planTable looks at the rows of c.Dir. Without training rows the model's card says how they are read.
func planTable(c Config, what scope) (*plan, error) {
	train, test, err := tableFiles(c.Dir)
	if err != nil {
		return nil, err
	}
	p := new(plan)
	if p.train, err = openRows(train); err != nil {
		return nil, err
	}
	p.test = p.train
	rows := 0
	if err := p.train.each(func(int, []string) error { rows++; return nil }); err != nil {
		return nil, err
	}
	if p.count[0] = rows; train == test {
		p.draw(rows, c)
	} else if err := p.openTest(test); err != nil {
		return nil, err
	}
	if p.count[0] < 1 || p.count[1] < 1 {
		return nil, fmt.Errorf("%s: %d rows to train on and %d to test on: there must be some of both", train, p.count[0], p.count[1])
	}
	if what.card != nil {
		return p, p.as(what.card, true)
	}
	columns, err := p.look()
	if err != nil {
		return nil, err
	}
	if err := p.choose(columns, c.Table); err != nil {
		return nil, fmt.Errorf("%s: %w", p.train.path, err)
	}
	return p, nil
}

// as makes the plan that of a model's card, by the names of columns; with targets or without.
func (p *plan) as(card *nn.Card, targets bool) error {
	if card.Table == nil {
		return errors.New("the model reads pictures, and this is a table")
	}
	var lacks []string
	find := func(name string) int {
		i := slices.Index(p.test.columns, name)
		if i < 0 {
			lacks = append(lacks, name)
		}
		return i
	}
	p.task, p.table, p.outputs, p.mean, p.std = card.Task, card.Table, card.Classes, card.Mean, card.Std
	for i := range p.table.Columns {
		p.features = append(p.features, find(p.table.Columns[i].Name))
	}
	for _, name := range p.table.Targets {
		if targets {
			p.targets = append(p.targets, find(name))
		}
	}
	if len(lacks) > 0 {
		return fmt.Errorf("%s has no columns %s, which the model reads: it has %s", p.test.path, shownAll(lacks), shownAll(p.test.columns))
	}
	return nil
}

// draw chooses rows for testing by the seed.
func (p *plan) draw(rows int, c Config) {
	p.drawn = make([]bool, rows)
	order := rng.New(rng.Key("split"), c.Seed).Perm(rows)
	n := int(float64(c.TestPart * float64(rows)))
	for _, i := range order[:n] {
		p.drawn[i] = true
	}
	p.count = [2]int{rows - n, n}
	p.said = fmt.Sprintf("there is no test.csv: %d of %d rows are for testing, drawn by seed %d (data.test_part, data.seed)", n, rows,
		c.Seed)
}

// openTest opens the file of test rows, whose columns must be those of the training rows.
func (p *plan) openTest(path string) (err error) {
	if p.test, err = openRows(path); err != nil {
		return err
	}
	if !slices.Equal(p.test.columns, p.train.columns) {
		return fmt.Errorf("%s has the columns %s, and %s has %s", p.test.path, shownAll(p.test.columns), p.train.path,
			shownAll(p.train.columns))
	}
	return p.test.each(func(int, []string) error { p.count[1]++; return nil })
}

// look goes through the training rows twice: the second time for deviations from the mean.
func (p *plan) look() ([]*column, error) {
	columns := make([]*column, len(p.train.columns))
	for i, name := range p.train.columns {
		columns[i] = &column{name: name, whole: true, binary: true, values: map[string]int{}, most: math.MaxUint16}
	}
	at := 0
	training := func(do func(*column, string)) error {
		at = 0
		return p.train.each(func(_ int, cells []string) error {
			if at++; p.isTest(at - 1) {
				return nil
			}
			for i, c := range columns {
				do(c, cells[i])
			}
			return nil
		})
	}
	if err := training((*column).see); err != nil {
		return nil, err
	}
	err := training(func(c *column, cell string) {
		if v, err := nn.Number(cell); err == nil && v == v {
			d := float64(float32(v)) - c.mean()
			c.square += float64(d * d)
		}
	})
	return columns, err
}

// choose says which columns are what, and tells all that is wrong with them.
func (p *plan) choose(columns []*column, c TableConfig) error {
	var found []error
	find := func(what, name string) int {
		i := slices.Index(p.train.columns, name)
		if i < 0 {
			found = append(found, fmt.Errorf("%s: there is no column %q: there are %s", what, name, shownAll(p.train.columns)))
		}
		return i
	}
	for _, name := range c.Target {
		if i := find("data.table.target", name); i >= 0 && !slices.Contains(p.targets, i) {
			p.targets = append(p.targets, i)
		}
	}
	if len(c.Target) == 0 {
		p.targets = []int{len(columns) - 1}
	}
	left := map[int]bool{}
	for _, name := range c.Ignore {
		if i := find("data.table.ignore", name); i >= 0 {
			left[i] = true
		}
	}
	if len(found) > 0 {
		return errors.Join(found...)
	}
	p.table = new(nn.Table)
	for _, i := range p.targets {
		p.table.Targets = append(p.table.Targets, p.train.columns[i])
	}
	for i, col := range columns {
		switch {
		case slices.Contains(p.targets, i):
			if left[i] {
				found = append(found, fmt.Errorf("column %q is to be told and to be ignored", col.name))
			}
		case !left[i]:
			found = append(found, p.feature(i, col))
		}
	}
	if len(p.features) == 0 {
		found = append(found, errors.New("no column is left that could tell the target"))
	}
	return errors.Join(append(found, p.target(columns, c))...)
}

// feature adds a column of features.
func (p *plan) feature(i int, c *column) error {
	p.features = append(p.features, i)
	at := nn.Column{Name: c.name, Gaps: c.gaps}
	if c.text {
		if c.values == nil || len(c.values) > maxValues {
			return fmt.Errorf("column %q has more than %d different texts: if it is no category leave it out, "+
				"as --set 'data.table.ignore=[%s]'", c.name, maxValues, c.name)
		}
		at.Gaps, at.Values = false, slices.Sorted(maps.Keys(c.values))
		if i := slices.IndexFunc(at.Values, noName); i >= 0 {
			return fmt.Errorf("column %q: the category %.40q must be UTF-8 of at most %d bytes: save the file as UTF-8, or leave "+
				"the column out, as --set 'data.table.ignore=[%s]'", c.name, at.Values[i], maxName, c.name)
		}
	}
	p.table.Columns = append(p.table.Columns, at)
	for f := range at.Features() {
		mean, std := 0.0, 1.0
		if !c.text && f == 0 {
			mean, std = c.mean(), c.std()
		}
		p.mean, p.std = append(p.mean, mean), append(p.std, std)
	}
	return nil
}

// target says what the targets are.
func (p *plan) target(columns []*column, c TableConfig) error {
	var of []*column
	for _, i := range p.targets {
		of = append(of, columns[i])
	}
	p.task = nn.Task(c.Task)
	if c.Task == taskAuto || c.Task == "" {
		p.task = taskOf(of)
	}
	if p.task.Labelled() {
		p.task = "" // cards have it so
		if len(of) != 1 {
			return fmt.Errorf("%d targets: classification has one: set data.table.task to multilabel if each is a label of 0 and 1",
				len(of))
		}
		if of[0].values == nil {
			return fmt.Errorf("column %q has more than %d classes", of[0].name, math.MaxUint16)
		}
		if p.outputs = of[0].sorted(); len(p.outputs) < 2 {
			return fmt.Errorf("column %q, which is to be told, has the same value in all rows", of[0].name)
		}
		return nil
	}
	for _, col := range of {
		switch {
		case col.text:
			return fmt.Errorf("column %q has text: %s needs numbers", col.name, p.task)
		case p.task == nn.MultiLabel && !col.binary:
			return fmt.Errorf("column %q has other numbers than 0 and 1, which multilabel needs", col.name)
		case p.task == nn.Regression:
			p.table.Scale = append(p.table.Scale, nn.Scale{Mean: col.mean(), Std: col.std()})
		}
		p.outputs = append(p.outputs, col.name)
	}
	return nil
}

// taskOf returns the task that targets look like.
func taskOf(targets []*column) nn.Task {
	binary := true
	for _, c := range targets {
		binary = binary && c.binary && !c.text
	}
	switch c := targets[0]; {
	case len(targets) > 1 && binary:
		return nn.MultiLabel
	case len(targets) == 1 && (c.text || c.whole && c.values != nil && len(c.values) <= maxAutoClasses):
		return nn.Classification
	}
	return nn.Regression
}

// encode writes a row to dst, a sample's bytes, and returns its class.
func (p *plan) encode(dst []byte, cells []string) (label uint16, err error) {
	if p.row == nil {
		p.row, p.values, p.classes = make([]string, len(p.features)), make([]float32, p.size()/4), map[string]uint16{}
		for i, name := range p.outputs {
			p.classes[name] = uint16(i)
		}
	}
	for i, c := range p.features {
		p.row[i] = cells[c]
	}
	if err := p.table.Encode(p.values[:len(p.mean)], p.row); err != nil {
		return 0, err
	}
	for t, c := range p.targets {
		name, cell := p.train.columns[c], strings.TrimSpace(cells[c])
		if nn.Missing(cell) {
			return 0, fmt.Errorf("column %q, which is to be told, is missing", name)
		}
		if p.task.Labelled() {
			var known bool
			if label, known = p.classes[cell]; !known {
				return 0, fmt.Errorf("column %q: no training row is of class %.40q", name, cell)
			}
			continue
		}
		v, err := nn.Number(cell)
		if err != nil || p.task == nn.MultiLabel && v != 0 && v != 1 {
			return 0, fmt.Errorf("column %q: %.40q is no target of %s", name, cell, p.task)
		}
		if p.task == nn.Regression {
			v = (v - p.table.Scale[t].Mean) / p.table.Scale[t].Std
		}
		p.values[len(p.mean)+t] = float32(v)
	}
	for i, v := range p.values {
		binary.LittleEndian.PutUint32(dst[4*i:], math.Float32bits(v))
	}
	return label, nil
}
