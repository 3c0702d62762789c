package dataset

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/tensor"
	"github.com/tinygrow/tinygrow/tensor/nn"
)

// written writes files into a new directory and returns it.
func written(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func tableConfig(dir string, target ...string) Config {
	return Config{Name: TableName, Dir: dir, Seed: 1, TestPart: 0.2, Table: TableConfig{Target: target}}
}

const flowers = `length,colour,weight,kind
1,red,10,rose
2,blue,,tulip
3,red,30,rose
6,"light, blue",20,tulip
`

// Features, worked out by hand: length has mean 3 and deviation sqrt(14/4); weight, of which one is missing,
// mean 20 and deviation sqrt(200/3).
func TestRowsAreFeaturesOfTheTrainingRows(t *testing.T) {
	dir := written(t, map[string]string{"train.csv": flowers,
		"test.csv": "length,colour,weight,kind\n3,green,NA,tulip\n1,blue,20,rose\n"})
	s, err := Open(tableConfig(dir))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := s.ClassNames(), []string{"rose", "tulip"}; !cmp.Equal(got, want) || s.Shape() != (nn.Shape{C: 6, H: 1, W: 1}) {
		t.Fatalf("classes %q, shape %v", got, s.Shape())
	}
	l, w := math.Sqrt(14./4), math.Sqrt(200./3)
	want := map[string][][]float64{
		// length, colour blue, light blue, red, weight, weight is missing
		Train: {{-2 / l, 0, 0, 1, -10 / w, 0}, {-1 / l, 1, 0, 0, 0, 1}, {0, 0, 0, 1, 10 / w, 0}, {3 / l, 0, 1, 0, 0, 0}},
		Test:  {{0, 0, 0, 0, 0, 1}, {-2 / l, 1, 0, 0, 0, 0}},
	}
	labels := map[string][]int32{Train: {0, 1, 0, 1}, Test: {1, 0}}
	for split, rows := range want {
		b := nn.NewBatch(tensor.Lanes, s.Shape(), 0)
		if err := s.Fill(b, proto.Order{Split: split, Stream: "sequential"}, proto.Move|proto.Mirror|proto.Cutout, 0, len(rows)); err != nil {
			t.Fatal(err)
		}
		for i, row := range rows {
			if b.Labels[i] != labels[split][i] {
				t.Errorf("%s row %d has label %d", split, i, b.Labels[i])
			}
			for c, v := range row {
				if got := b.X[c*tensor.Lanes+i]; math.Abs(float64(got)-v) > 1e-6 {
					t.Errorf("%s row %d, feature %d: %v, want %v", split, i, c, got, v)
				}
			}
		}
		for c := range 6 {
			if v := b.X[c*tensor.Lanes+len(rows)]; v != 0 {
				t.Errorf("an unused lane has %v", v)
			}
		}
	}
	if err := s.Card().Validate(); err != nil {
		t.Error(err)
	}
}

// many returns n rows of a table of a, b and three targets.
func many(n int) string {
	var b strings.Builder
	b.WriteString("a\tb\tprice\tred\tround\n")
	for i := range n {
		fmt.Fprintf(&b, "%d\t%g\t%g\t%d\t%d\n", i, math.Sin(float64(i)), 100+3*math.Cos(float64(i)), i%2, i/2%2)
	}
	return b.String()
}

func TestTargetsTellTheTask(t *testing.T) {
	dir := written(t, map[string]string{"data.tsv": many(50)})
	for _, c := range []struct {
		target []string
		task   string
		want   nn.Task
		names  []string
	}{
		{nil, "", "", []string{"0", "1"}},
		{[]string{"price"}, "auto", nn.Regression, []string{"price"}},
		{[]string{"a", "price"}, "", nn.Regression, []string{"a", "price"}},
		{[]string{"red", "round"}, "", nn.MultiLabel, []string{"red", "round"}},
		{[]string{"red", "round"}, "regression", nn.Regression, []string{"red", "round"}},
		{[]string{"round"}, "multilabel", nn.MultiLabel, []string{"round"}},
	} {
		config := tableConfig(dir, c.target...)
		config.Table.Task = c.task
		s, err := Open(config)
		if err != nil {
			t.Errorf("%q: %v", c.target, err)
			continue
		}
		if card := s.Card(); card.Task != c.want || !cmp.Equal(card.Classes, c.names) || s.Len(Train) != 40 || s.Len(Test) != 10 {
			t.Errorf("%q as %q: task %q of %q, %d and %d rows", c.target, c.task, card.Task, card.Classes, s.Len(Train), s.Len(Test))
		}
	}
}

// Targets of a regression have mean 0 and variance 1 over the training rows, and samples no label.
func TestNumbersAreToldInUnitsOfTheirDeviation(t *testing.T) {
	s, err := Open(tableConfig(written(t, map[string]string{"data.tsv": many(50)}), "price", "b"))
	if err != nil {
		t.Fatal(err)
	}
	b := nn.NewBatch(2*tensor.Lanes, s.Shape(), 2)
	if err := s.Fill(b, proto.Order{Split: Train, Stream: "sequential"}, 0, 0, 40); err != nil {
		t.Fatal(err)
	}
	for c := range 2 {
		var sum, square float64
		for i := range 40 {
			v := float64(b.Targets[i/tensor.Lanes*2*tensor.Lanes+c*tensor.Lanes+i%tensor.Lanes])
			sum, square = sum+v, square+v*v
			if b.Labels[i] != nn.NoLabel {
				t.Fatalf("row %d has label %d", i, b.Labels[i])
			}
		}
		if math.Abs(sum/40) > 1e-6 || math.Abs(square/40-1) > 1e-6 {
			t.Errorf("target %d has mean %g and mean square %g", c, sum/40, square/40)
		}
	}
	for _, v := range b.Targets[tensor.Lanes*2+8:][:tensor.Lanes-8] {
		if v != 0 {
			t.Fatal("an unused lane has a target")
		}
	}
}

// A drawn split is that of the seed, each row in one of both.
func TestASingleFileIsSplitBySeed(t *testing.T) {
	dir := written(t, map[string]string{"data.tsv": many(50)})
	at := func(seed uint64) (train, test string, digest string) {
		c := tableConfig(dir, "price")
		c.Seed = seed
		s, err := Open(c)
		if err != nil {
			t.Fatal(err)
		}
		return rowsOf(t, s, Train), rowsOf(t, s, Test), s.Digest()
	}
	train, test, digest := at(1)
	if all := strings.Fields(train + test); len(all) != 50 {
		t.Errorf("%d rows in both splits", len(all))
	} else {
		seen := map[string]bool{}
		for _, a := range all {
			seen[a] = true
		}
		if len(seen) != 50 {
			t.Errorf("%d different rows", len(seen))
		}
	}
	if again, _, d := at(1); again != train || d != digest {
		t.Error("the same seed split differently")
	}
	if other, _, _ := at(2); other == train {
		t.Error("another seed split the same")
	}
}

// rowsOf lists the first feature of all rows of a split.
func rowsOf(t *testing.T, s *Set, split string) string {
	t.Helper()
	var b strings.Builder
	for i := range s.Len(split) {
		row, err := s.Image(split, i)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintln(&b, strconv.Itoa(int(at32(row, 0))))
	}
	return b.String()
}

// A packed table is the table: workers fetch it so.
func TestAPackedTableIsTheTable(t *testing.T) {
	dir := written(t, map[string]string{"data.tsv": many(50)})
	s, err := Open(tableConfig(dir, "price", "b"))
	if err != nil {
		t.Fatal(err)
	}
	var packed bytes.Buffer
	if err := s.Pack(&packed); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "x"+PackedEnding)
	if err := os.WriteFile(path, packed.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	p, err := OpenPacked(path, true)
	if err != nil {
		t.Fatal(err)
	}
	if !p.Card().Equal(s.Card()) {
		t.Errorf("card %+v, want %+v", p.Card(), s.Card())
	}
	fill := func(s *Set) *nn.Batch {
		b := nn.NewBatch(40, s.Shape(), 2)
		if err := s.Fill(b, proto.Order{Split: Train, Stream: "train", Seed: 3}, 0, 0, 40); err != nil {
			t.Fatal(err)
		}
		return b
	}
	if d := cmp.Diff(fill(s), fill(p)); d != "" {
		t.Error(d)
	}
}

func TestFaultsOfTablesAreNamed(t *testing.T) {
	flowers := flowers + strings.SplitAfterN(flowers, "\n", 2)[1]
	text := func(n int) string { // a column of n different texts
		var b strings.Builder
		b.WriteString("id,y\n")
		for i := range n {
			fmt.Fprintf(&b, "person %d,%d\n", i, i%2)
		}
		return b.String()
	}
	for name, c := range map[string]struct {
		file  string
		table TableConfig
		want  string
	}{
		"no target":         {flowers, TableConfig{Target: []string{"kin"}}, `there is no column "kin": there are length, colour`},
		"nothing to ignore": {flowers, TableConfig{Ignore: []string{"x"}}, `data.table.ignore: there is no column "x"`},
		"told and ignored":  {flowers, TableConfig{Ignore: []string{"kind"}}, `column "kind" is to be told and to be ignored`},
		"nothing is left":   {flowers, TableConfig{Ignore: []string{"length", "colour", "weight"}}, "no column is left"},
		"cells":             {"a,b\n1,2\n3\n", TableConfig{}, "line 3 has 1 cells, and the table has 2 columns"},
		"quotes":            {"a,b\n1,\"2\n", TableConfig{}, "line 2"},
		"columns twice":     {"a,a\n1,2\n", TableConfig{}, `columns 1 and 2 are both called "a"`},
		"empty":             {"", TableConfig{}, "it has no rows"},
		"header alone":      {"a,b\n", TableConfig{}, "0 rows to train on"},
		"one class":         {strings.Repeat("1,a\n", 9), TableConfig{}, "which is to be told, has the same value in all rows"},
		"identifiers":       {text(400), TableConfig{}, "more than 256 different texts: if it is no category leave it out"},
		"text as a number":  {flowers, TableConfig{Task: "regression"}, "has text: regression needs numbers"},
		"numbers as labels": {many(50), TableConfig{Target: []string{"a"}, Task: "multilabel"}, "other numbers than 0 and 1"},
		"two classes a row": {many(50), TableConfig{Target: []string{"red", "round"}, Task: "classification"}, "classification has one"},
		"an unknown task":   {flowers, TableConfig{Task: "ranking"}, "must be auto, classification, regression or multilabel"},
		"a missing target":  {strings.Repeat("1,2.5\n2,\n", 20), TableConfig{Task: "regression"}, `column "c2", which is to be told, is missing`},
	} {
		config := tableConfig(written(t, map[string]string{"x.csv": c.file}))
		config.Table = c.table
		if _, err := Open(config); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	dir := written(t, map[string]string{"train.csv": flowers, "test.csv": "length,kind\n1,rose\n"})
	if _, err := Open(tableConfig(dir)); err == nil || !strings.Contains(err.Error(), "has the columns") {
		t.Errorf("other columns: %v", err)
	}
	dir = written(t, map[string]string{"train.csv": flowers, "test.csv": "length,colour,weight,kind\n1,red,heavy,rose\n"})
	if _, err := Open(tableConfig(dir)); err == nil || !strings.Contains(err.Error(), `test.csv: line 2: column "weight": "heavy" is no finite number`) {
		t.Errorf("text where training has numbers: %v", err)
	}
	dir = written(t, map[string]string{"train.csv": flowers, "test.csv": "length,colour,weight,kind\n1,red,1,lily\n"})
	if _, err := Open(tableConfig(dir)); err == nil || !strings.Contains(err.Error(), `no training row is of class "lily"`) {
		t.Errorf("a new class: %v", err)
	}
}

// A byte order mark, other separators, compression and quoted cells are read as they are meant.
func TestTablesAsProgramsWriteThem(t *testing.T) {
	for name, text := range map[string]string{
		"mark.csv":      "\ufeffa,b,y\n1,2,x\n3,4,z\n5,6,x\n7,8,z\n9,9,z\n",
		"semicolon.csv": "a;b;y\n1;2;x\n3;4;z\n5;6;x\n7;8;z\n9;9;z\n",
		"windows.csv":   "a,b,y\r\n1,2,x\r\n3,4,z\r\n5,6,x\r\n7,8,z\r\n9,9,z\r\n",
		"quoted.csv":    "\"a\",\"b\",\"y\"\n\"1\",2,\"x\"\n3,4,z\n5,6,x\n 7 ,8, z\n9,9,z\n",
	} {
		s, err := Open(tableConfig(written(t, map[string]string{name: text})))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if c := s.Card(); !cmp.Equal(c.Classes, []string{"x", "z"}) || c.Table.Columns[0].Name != "a" || s.Len(Train) != 4 {
			t.Errorf("%s: classes %q, columns %+v, %d rows", name, c.Classes, c.Table.Columns, s.Len(Train))
		}
	}
}

// A model reads rows by the names of their columns, in any order, with values that it has not seen.
func TestAModelReadsRowsByName(t *testing.T) {
	s, err := Open(tableConfig(written(t, map[string]string{"train.csv": flowers, "test.csv": flowers})))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(written(t, map[string]string{"new.csv": "weight,extra,colour,length\n,1,green,3\n10,2,red,1\n"}), "new.csv")
	var got [][]float32
	err = EachRow(path, s.Card(), func(line int, row []byte) error {
		var v []float32
		for i := range len(row) / 4 {
			v = append(v, at32(row, i))
		}
		got = append(got, append(v, float32(line)))
		return nil
	})
	nan := float32(math.NaN())
	want := [][]float32{{3, 0, 0, 0, nan, 1, 2}, {1, 0, 0, 1, 10, 0, 3}}
	if d := cmp.Diff(want, got, cmp.Comparer(func(a, b float32) bool { return a == b || a != a && b != b })); d != "" || err != nil {
		t.Error(d, err)
	}
	if err := EachRow(path, cardOfPictures(s), nil); err == nil {
		t.Error("a model of pictures read a table")
	}
}

// cardOfPictures returns the card of pictures of the shape of s.
func cardOfPictures(s *Set) *nn.Card {
	return &nn.Card{Input: s.Shape(), Mean: s.mean, Std: s.std, Classes: s.classes}
}

// FuzzTable reads tables of any text: they are read, or refused with a reason.
func FuzzTable(f *testing.F) {
	for _, text := range []string{flowers, many(12), "a;b\n1;2\n", "\ufeffa,b\r\n1,\"x\ny\"\r\n", "1,2\n3,4\n5,6\n7,8\n9,1\n", "a,a\n", "\x00,\xff\n"} {
		f.Add([]byte(text), "regression")
	}
	f.Fuzz(func(t *testing.T, text []byte, task string) {
		dir := written(t, map[string]string{"x.csv": string(text)})
		c := tableConfig(dir)
		c.Table.Task = task
		s, err := Open(c)
		if err != nil {
			return
		}
		if err := s.Card().Validate(); err != nil {
			t.Errorf("the card of what was read: %v", err)
		}
		b := nn.NewBatch(tensor.Lanes, s.Shape(), s.Classes())
		if err := s.Fill(b, proto.Order{Split: Train, Stream: "sequential"}, 0, 0, min(s.Len(Train), tensor.Lanes)); err != nil {
			t.Error(err)
		}
		for _, v := range append(b.X, b.Targets...) {
			if v != v || math.IsInf(float64(v), 0) {
				t.Fatalf("it puts %v in", v)
			}
		}
	})
}
