package dataset

// Report says what is in a set, for `tinygrow data verify`.
type Report struct {
	Name    string    `json:"name"`
	Shape   [3]int    `json:"shape"` // channels, rows, columns
	Classes []string  `json:"classes"`
	Train   Split     `json:"train"`
	Test    Split     `json:"test"`
	Mean    []float64 `json:"mean"` // of each channel's bytes over the training samples
	Std     []float64 `json:"std"`
	Digest  string    `json:"digest"`
}

// Split says what is in one split.
type Split struct {
	Samples  int   `json:"samples"`
	PerClass []int `json:"per_class"`
}

// Report counts the samples of a set.
func (s *Set) Report() Report {
	r := Report{Name: s.name, Shape: [3]int{s.shape.C, s.shape.H, s.shape.W}, Classes: s.classes, Digest: s.digest,
		Train: s.train.count(len(s.classes)), Test: s.test.count(len(s.classes))}
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
