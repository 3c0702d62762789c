// Package doctor examines a machine before it takes part in a run: processors,
// memory, the NATS server and the way to it, the data set. It says what it
// found and what to change. It repairs nothing.
package doctor

import (
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/tinygrow/tinygrow/proto"
)

// Level says how bad a finding is.
type Level string

// The levels. A fault keeps the machine from taking part; advice does not.
const (
	OK     Level = "ok"
	Advice Level = "advice"
	Fault  Level = "fault"
)

// Finding is the outcome of one check.
type Finding struct {
	Check string `json:"check"`
	Level Level  `json:"level"`
	Text  string `json:"text"`             // what is the case
	Do    string `json:"change,omitempty"` // what to change
}

// Report is what was found, in the order of the checks, with the numbers.
type Report struct {
	Findings []Finding `json:"findings"`
	Machine  *Machine  `json:"machine,omitempty"`
	NATS     *NATS     `json:"nats,omitempty"`
	Data     *Data     `json:"data,omitempty"`
}

// remedy says what to change, or nothing.
type remedy string

func (r *Report) add(check string, level Level, do remedy, format string, args ...any) {
	r.Findings = append(r.Findings, Finding{check, level, fmt.Sprintf(format, args...), string(do)})
}

// Worst returns the highest level of all findings.
func (r *Report) Worst() Level {
	worst := OK
	for _, f := range r.Findings {
		if f.Level == Fault || worst == OK {
			worst = f.Level
		}
	}
	return worst
}

// Faulty reports whether a check found a fault.
func (r *Report) Faulty(check string) bool {
	for _, f := range r.Findings {
		if f.Check == check && f.Level == Fault {
			return true
		}
	}
	return false
}

// Write prints the findings for people.
func (r *Report) Write(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, f := range r.Findings {
		fmt.Fprintf(w, "%s\t%s\t%s\n", f.Check, f.Level, proto.Printable(f.Text))
		if f.Do != "" {
			fmt.Fprintf(w, "\t\t-> %s\n", proto.Printable(f.Do))
		}
	}
	return w.Flush()
}

// size prints bytes with a unit.
func size(n float64) string {
	for _, unit := range []string{"bytes", "kB", "MB"} {
		if n < 1000 {
			return fmt.Sprintf("%.3g %s", n, unit)
		}
		n /= 1000
	}
	return fmt.Sprintf("%.1f GB", n)
}
