package dataset

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/zeebo/xxh3"
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
	// Unused is what lies in the directory and counts for nothing.
	Unused []Unused `json:"unused"`
	// Warnings are what can be trained on but hardly is as it should be: one
	// sentence each.
	Warnings []string `json:"warnings"`
}

// Split says what is in one split.
type Split struct {
	Samples  int   `json:"samples"`
	PerClass []int `json:"per_class"`
}

// Verify reads the set that c names and looks at every sample. Its error is
// Open's: up to ten faults of the files at once, a line each.
func Verify(c Config) (Report, error) {
	s, err := Open(c)
	if err != nil {
		return Report{Name: c.Name, Dir: c.Dir}, err
	}
	r := s.Report()
	r.Dir = c.Dir
	r.Warnings = s.warnings()
	return r, nil
}

// Report counts the samples of a set.
func (s *Set) Report() Report {
	r := Report{Name: s.name, Shape: [3]int{s.shape.C, s.shape.H, s.shape.W}, Classes: s.classes, Digest: s.digest,
		Train: s.train.count(len(s.classes)), Test: s.test.count(len(s.classes)), Unused: s.Unused(), Warnings: []string{}}
	r.Mean, r.Std = s.Statistics()
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
func (s *Set) warnings() []string {
	found := []string{}
	warn := func(n int, what string) {
		if n > 0 {
			found = append(found, fmt.Sprintf("%d %s", n, what))
		}
	}
	seen := map[xxh3.Uint128]uint16{} // label of an image
	for _, name := range []string{Train, Test} {
		split := s.split(name)
		empty := 0
		for _, n := range split.count(len(s.classes)).PerClass {
			if n == 0 {
				empty++
			}
		}
		blank, twice, leaked := 0, 0, 0
		own := map[xxh3.Uint128]uint16{}
		for i, label := range split.labels {
			img := split.image(i)
			if uniform(img) {
				blank++
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
		warn(empty, "classes have no "+name+" samples")
		warn(blank, name+" images are of one value all over, as where a copy was broken off")
		warn(twice, name+" images have the bytes of another of a different class")
		warn(leaked, "test images are training images too")
		seen = own
	}
	return found
}

func uniform(img []byte) bool {
	for _, v := range img {
		if v != img[0] {
			return false
		}
	}
	return true
}

// WriteText writes the report as a table for people.
func (r Report) WriteText(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(t, "class\ttrain\ttest\t\n")
	for i, name := range r.Classes {
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
	fmt.Fprintf(&b, "%s: images of %d x %d x %d (channels, rows, columns)\n", from, r.Shape[0], r.Shape[1], r.Shape[2])
	fmt.Fprintf(&b, "mean %.3f, standard deviation %.3f of the training bytes by channel\n", r.Mean, r.Std)
	fmt.Fprintf(&b, "digest %s\n", r.Digest)
	for _, u := range r.Unused {
		fmt.Fprintf(&b, "counts for nothing: %s\n", u)
	}
	for _, warning := range r.Warnings {
		fmt.Fprintf(&b, "warning: %s\n", warning)
	}
	_, err := io.WriteString(w, b.String())
	return err
}
