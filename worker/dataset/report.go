package dataset

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/zeebo/xxh3"

	"github.com/tinygrow/tinygrow/tensor/nn"
)

// Report says what is in a set, for `tinygrow data verify`.
type Report struct {
	Name    string    `json:"name"`
	Dir     string    `json:"dir,omitempty"`
	Shape   [3]int    `json:"shape"` // channels, rows, columns
	Classes []string  `json:"classes"`
	Train   Split     `json:"train"`
	Test    Split     `json:"test"`
	Mean    []float64 `json:"mean"` // mean of each channel's bytes over the training samples
	Std     []float64 `json:"std"`
	Digest  string    `json:"digest"`
	// Notes say how the set was read, a sentence each.
	Notes []string `json:"notes"`
	// Task and Columns are of tables: what is told, and of what; Mean and Std are then by feature.
	Task    nn.Task     `json:"task,omitempty"`
	Columns []nn.Column `json:"columns,omitempty"`
	// Unused is what lies in the directory and counts for nothing.
	Unused []Unused `json:"unused"`
	// Warnings are what can be trained on but hardly is as it should be: one
	// sentence each.
	Warnings []string `json:"warnings"`
}

// Split says what is in one split.
type Split struct {
	Samples  int   `json:"samples"`
	PerClass []int `json:"per_class"` // null where samples have no classes
}

// Verify reads the set that c names and looks at every sample. Its error is
// Open's: up to ten faults of the files at once, a line each.
func Verify(c Config) (Report, error) {
	c.Cache = CacheOff
	s, err := Open(c)
	if err != nil {
		return Report{Name: c.Name, Dir: c.Dir}, err
	}
	r := s.Report()
	r.Dir = c.Dir
	if s.packed != nil {
		if err := s.verify(); err != nil {
			return r, faulty(packedReader.title, err)
		}
	}
	r.Warnings, err = s.warnings()
	return r, faulty(s.name, err)
}

// Report counts the samples of a set.
func (s *Set) Report() Report {
	r := Report{Name: s.name, Shape: [3]int{s.shape.C, s.shape.H, s.shape.W}, Classes: s.classes, Digest: s.digest,
		Train: s.train.count(len(s.classes)), Test: s.test.count(len(s.classes)), Notes: append([]string{}, s.said...), Unused: s.Unused(),
		Warnings: []string{}}
	r.Mean, r.Std = s.Statistics()
	if t := s.tabular; t != nil {
		r.Task, r.Columns = t.Task, t.Table.Columns
		if s.Labelled() {
			r.Task = nn.Classification
		} else {
			r.Train.PerClass, r.Test.PerClass = nil, nil
		}
	}
	return r
}

func (s *samples) count(classes int) Split {
	n := Split{Samples: len(s.labels), PerClass: make([]int, classes)}
	for _, l := range s.labels {
		n.PerClass[l]++
	}
	return n
}

// warnings finds classes without samples, blank images, images with two labels
// and test images that are training images too.
func (s *Set) warnings() ([]string, error) {
	found := []string{}
	warn := func(n int, what string) {
		if n > 0 {
			found = append(found, fmt.Sprintf("%d %s", n, what))
		}
	}
	images := s.sampleName()
	seen := map[xxh3.Uint128]uint16{} // label of an image
	for _, name := range []string{Train, Test} {
		split := s.split(name)
		empty := 0
		for _, n := range split.count(len(s.classes)).PerClass {
			if n == 0 && s.Labelled() {
				empty++
			}
		}
		blank, twice, leaked := 0, 0, 0
		own := map[xxh3.Uint128]uint16{}
		err := split.windows(s.sampleSize(), func(lo int, images [][]byte) error {
			for i, img := range images {
				label := split.labels[lo+i]
				if s.tabular == nil && uniform(img) {
					blank++
					continue
				}
				if lo+i >= maxCompared {
					continue
				}
				key := xxh3.Hash128(img)
				if first, ok := own[key]; ok && first != label {
					twice++
				}
				own[key] = label
				if _, ok := seen[key]; ok {
					leaked++
				}
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
		warn(len(split.labels)-maxCompared, name+" "+images+" were not compared with others, for the memory that it takes")
		warn(empty, "classes have no "+name+" samples")
		warn(blank, name+" "+images+" are of one value all over, as where a copy was broken off")
		warn(twice, name+" "+images+" have the bytes of another of a different class")
		warn(leaked, "test "+images+" are training "+images+" too")
		seen = own
	}
	return found, nil
}

// sampleName is what a sample is called, several of them.
func (s *Set) sampleName() string {
	if s.Rows() {
		return "rows"
	}
	return "images"
}

// maxCompared is how many samples of a split, from the first on, are looked for twice.
const maxCompared = 1 << 22

func uniform(img []byte) bool {
	for _, v := range img {
		if v != img[0] {
			return false
		}
	}
	return true
}

// writeColumns tells a table's columns, a line each, with mean and deviation of those that are numbers.
func (r *Report) writeColumns(b *strings.Builder) {
	at := 0
	for i := range r.Columns {
		c := &r.Columns[i]
		switch {
		case len(c.Values) > 0:
			fmt.Fprintf(b, "  %s: %d categories, %s\n", shown(c.Name), len(c.Values), shownAll(c.Values))
		case c.Gaps:
			fmt.Fprintf(b, "  %s: numbers, some missing: mean %.4g, standard deviation %.4g\n", shown(c.Name), r.Mean[at], r.Std[at])
		default:
			fmt.Fprintf(b, "  %s: numbers: mean %.4g, standard deviation %.4g\n", shown(c.Name), r.Mean[at], r.Std[at])
		}
		at += c.Features()
	}
}

// shownAll lists the first names.
func shownAll(names []string) string {
	const most = 12
	var all []string
	for _, name := range names[:min(len(names), most)] {
		all = append(all, shown(name))
	}
	if more := len(names) - most; more > 0 {
		all = append(all, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(all, ", ")
}

// WriteText writes the report as a table for people.
func (r Report) WriteText(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(t, "class\ttrain\ttest\t\n")
	for i, name := range r.Classes[:min(len(r.Classes), len(r.Train.PerClass))] {
		fmt.Fprintf(t, "%s\t%d\t%d\t\n", shown(name), r.Train.PerClass[i], r.Test.PerClass[i])
	}
	fmt.Fprintf(t, "all\t%d\t%d\t\n", r.Train.Samples, r.Test.Samples)
	if err := t.Flush(); err != nil {
		return err
	}
	from := r.Name
	if r.Dir != "" {
		from += " in " + r.Dir
	}
	var b strings.Builder
	if r.Columns == nil {
		fmt.Fprintf(&b, "%s: images of %d x %d x %d (channels, rows, columns)\n", from, r.Shape[0], r.Shape[1], r.Shape[2])
		fmt.Fprintf(&b, "mean %.3f, standard deviation %.3f of the training bytes by channel\n", r.Mean, r.Std)
	} else {
		fmt.Fprintf(&b, "%s: %d features for %s of %s\n", from, r.Shape[0], r.Task, shownAll(r.Classes))
		r.writeColumns(&b)
	}
	fmt.Fprintf(&b, "digest %s\n", r.Digest)
	for _, n := range r.Notes {
		fmt.Fprintf(&b, "note: %s\n", n)
	}
	for _, u := range r.Unused {
		fmt.Fprintf(&b, "counts for nothing: %s\n", u)
	}
	for _, warning := range r.Warnings {
		fmt.Fprintf(&b, "warning: %s\n", warning)
	}
	_, err := io.WriteString(w, b.String())
	return err
}
