package replay

import (
	"fmt"
	"slices"

	"github.com/tinygrow/tinygrow/proto"
)

// Report is what a replay found.
type Report struct {
	Dir string `json:"run_dir"`
	// Verified says that all that was to be compared was, and is the same.
	Verified bool `json:"verified"`
	// From is the step whose checkpoint, or fresh weights, all else was made
	// from; To is the last step made again.
	From proto.Step `json:"from_step"`
	To   proto.Step `json:"to_step"`
	// So many steps, evaluations, records of the growth journal and later
	// checkpoints were compared.
	Steps       int `json:"steps"`
	Evaluations int `json:"evaluations"`
	Events      int `json:"growth_events"`
	Checkpoints int `json:"checkpoints"`
	// Differences are the first ones, by step; All is how many there are.
	Differences []Difference `json:"differences"`
	All         int          `json:"all_differences"`
	WallS       float64      `json:"wall_s"`
}

// Difference is one thing that is not what was computed again.
type Difference struct {
	Step proto.Step `json:"step"`
	// Where is a line of a log or a checkpoint.
	Where string `json:"where"`
	// Field, Logged and Computed are set where two values differ.
	Field    string `json:"field,omitempty"`
	Logged   string `json:"logged,omitempty"`
	Computed string `json:"computed,omitempty"`
	Text     string `json:"text,omitempty"` // else
}

// String tells the difference in words.
func (d Difference) String() string {
	if d.Text != "" {
		return fmt.Sprintf("step %d: %s: %s", d.Step, d.Where, d.Text)
	}
	return fmt.Sprintf("step %d: %s: %s is %s, computed again it is %s", d.Step, d.Where, d.Field, d.Logged, d.Computed)
}

// listed bounds the differences that a report holds.
const listed = 10

func (r *Report) add(d Difference) {
	r.All++
	at, _ := slices.BinarySearchFunc(r.Differences, d, func(x, y Difference) int {
		if x.Step <= y.Step { // equal ones keep their order
			return -1
		}
		return 1
	})
	r.Differences = slices.Insert(r.Differences, at, d)
	r.Differences = r.Differences[:min(len(r.Differences), listed)]
}
