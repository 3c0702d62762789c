package view

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/tinygrow/tinygrow/coordinator/checkpoint"
	"github.com/tinygrow/tinygrow/proto/file"
	"github.com/tinygrow/tinygrow/tensor/nn"
)

// AssessmentFile is where the assessment of a run lies in its directory.
const AssessmentFile = "assessment.json"

// Bounds of an assessment.
const (
	MaxMistakes   = 24    // pictures
	maxConfusions = 20000 // pairs of classes
	maxAssessment = 16 << 20
)

// Assessment is how well a network tells the classes of test samples apart, in
// detail.
type Assessment struct {
	Step        uint64   `json:"step"`
	ModelSHA256 string   `json:"model_sha256"` // hash of the network that was looked at
	Split       string   `json:"split"`
	Samples     int      `json:"samples"`
	Correct     int      `json:"correct"`
	Classes     []string `json:"classes"`
	Input       nn.Shape `json:"input"`
	// Confusions counts samples by true and predicted class, the most frequent
	// pairs first; at most 20,000 pairs.
	Confusions []Confusion `json:"confusions"`
	Scores     []Score     `json:"scores"` // one score a class
	// Mistakes are the samples that were taken for another class with the largest
	// probability.
	Mistakes []Mistake `json:"mistakes"`
}

// Confusion is how many samples of class Truth were taken for class Predicted.
type Confusion struct {
	Truth     int `json:"truth"`
	Predicted int `json:"predicted"`
	Count     int `json:"count"`
}

// Score is how well one class is told from the others. What has no samples is 0.
type Score struct {
	Samples   int     `json:"samples"`   // samples that are of the class
	Predicted int     `json:"predicted"` // samples that were taken for the class
	Precision float64 `json:"precision"` // part of those taken for the class that are of it
	Recall    float64 `json:"recall"`    // part of the class's samples that were taken for it
	F1        float64 `json:"f1"`        // the harmonic mean of both
}

// Mistake is a sample that was taken for another class.
type Mistake struct {
	Index       int     `json:"index"` // place in its split
	Truth       int     `json:"truth"`
	Predicted   int     `json:"predicted"`
	Probability float64 `json:"probability"` // probability that the network gave to Predicted
	Pixels      []byte  `json:"pixels"`      // (C, H, W), as Input says
}

// A Guess is what a network said of one sample.
type Guess struct {
	Truth, Predicted int
	Probability      float64 // probability that the network gave to Predicted
}

// Assess sums up the guesses on the samples of a split, in the order of the
// samples; picture returns the bytes (C, H, W) of one.
func Assess(classes []string, input nn.Shape, guesses []Guess, picture func(i int) []byte) *Assessment {
	a := &Assessment{Split: "test", Samples: len(guesses), Classes: classes, Input: input, Confusions: []Confusion{}, Mistakes: []Mistake{},
		Scores: make([]Score, len(classes))}
	counts := map[[2]int]int{}
	var wrong []int
	for i, g := range guesses {
		counts[[2]int{g.Truth, g.Predicted}]++
		a.Scores[g.Truth].Samples++
		a.Scores[g.Predicted].Predicted++
		if g.Truth == g.Predicted {
			a.Correct++
		} else {
			wrong = append(wrong, i)
		}
	}
	for k, s := range a.Scores {
		hits := float64(counts[[2]int{k, k}])
		if s.Predicted > 0 {
			s.Precision = hits / float64(s.Predicted)
		}
		if s.Samples > 0 {
			s.Recall = hits / float64(s.Samples)
		}
		if hits > 0 {
			s.F1 = 2 * hits / float64(s.Samples+s.Predicted)
		}
		a.Scores[k] = s
	}
	for pair, n := range counts {
		a.Confusions = append(a.Confusions, Confusion{pair[0], pair[1], n})
	}
	slices.SortFunc(a.Confusions, func(x, y Confusion) int {
		return cmp.Or(cmp.Compare(y.Count, x.Count), cmp.Compare(x.Truth, y.Truth), cmp.Compare(x.Predicted, y.Predicted))
	})
	a.Confusions = a.Confusions[:min(len(a.Confusions), maxConfusions)]
	slices.SortStableFunc(wrong, func(i, j int) int { return cmp.Compare(guesses[j].Probability, guesses[i].Probability) })
	for _, i := range wrong[:min(len(wrong), MaxMistakes)] {
		g := guesses[i]
		a.Mistakes = append(a.Mistakes, Mistake{i, g.Truth, g.Predicted, g.Probability, slices.Clone(picture(i))})
	}
	return a
}

// Write puts the assessment into a run directory, in place of an earlier one.
func (a *Assessment) Write(dir string) error {
	text, err := json.Marshal(a)
	if err != nil {
		return err
	}
	path := filepath.Join(dir, AssessmentFile)
	if err := os.WriteFile(path+".tmp", text, 0o644); err != nil {
		return err
	}
	return os.Rename(path+".tmp", path)
}

// ReadAssessment returns what Write wrote into dir, and nil if there is nothing.
func ReadAssessment(dir string) (*Assessment, error) {
	path := filepath.Join(dir, AssessmentFile)
	text, err := file.Read(path, maxAssessment)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	a := new(Assessment)
	if err := json.Unmarshal(text, a); err != nil {
		return nil, fmt.Errorf("%s: %w: %w: remove it, and tinygrow report makes it again", path, checkpoint.ErrDamaged, err)
	}
	return a, a.validate(path)
}

// validate refuses numbers of classes that are not there.
func (a *Assessment) validate(path string) error {
	ok := len(a.Scores) == len(a.Classes) && len(a.Mistakes) <= MaxMistakes
	class := func(k int) bool { return k >= 0 && k < len(a.Classes) }
	for _, c := range a.Confusions {
		ok = ok && class(c.Truth) && class(c.Predicted)
	}
	for _, m := range a.Mistakes {
		ok = ok && class(m.Truth) && class(m.Predicted) && len(m.Pixels) == a.Input.Len()
	}
	if !ok {
		return fmt.Errorf("%s: %w: its numbers do not fit its classes: remove it, and tinygrow report makes it again", path,
			checkpoint.ErrDamaged)
	}
	return nil
}
