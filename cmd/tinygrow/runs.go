package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/mattn/go-runewidth"
	"github.com/spf13/cobra"

	"github.com/tinygrow/tinygrow/coordinator/view"
	"github.com/tinygrow/tinygrow/deploy/run/sweep"
	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/tensor/nn"
)

// orders are what runs can be sorted by: names ascend, all else falls.
var orders = map[string]func(a, b *view.Summary) int{
	"changed":  func(a, b *view.Summary) int { return b.Changed.Compare(a.Changed) },
	"name":     func(a, b *view.Summary) int { return strings.Compare(a.Name, b.Name) },
	"state":    func(a, b *view.Summary) int { return strings.Compare(string(a.State), string(b.State)) },
	"accuracy": func(a, b *view.Summary) int { return cmp.Compare(b.Accuracy, a.Accuracy) },
	"params":   func(a, b *view.Summary) int { return cmp.Compare(b.Params, a.Params) },
	"steps":    func(a, b *view.Summary) int { return cmp.Compare(b.Step, a.Step) },
	"flops":    func(a, b *view.Summary) int { return cmp.Compare(b.FLOPs, a.FLOPs) },
	"time":     func(a, b *view.Summary) int { return cmp.Compare(b.Wall, a.Wall) },
}

// states are those that a list can be of.
var states = []view.State{view.Running, view.Finished, view.Stopped, view.Failed}

func newRuns() *cobra.Command {
	order, state, records, asJSON := "changed", "", "", false
	c := &cobra.Command{
		Use:   "runs [RUNS]",
		Short: "List runs: state, accuracy, size, steps, cost, time, host and policy; show, remove and tidy them",
		Long: `Lists the runs in folder RUNS (default: runs), those that changed last first. Accuracy is that of the last evaluation,
v before it says that it is of validation samples; FLOPs and time are those of training, time that of the last process
that worked on the run. A run is running, finished, stopped (tinygrow resume goes on with it), or failed: its process
ended by an error, which tinygrow runs show tells, or was killed; it can be resumed too. Lines have 80 columns: long
names are cut in the middle, --json has them whole. Of more than 1,000 runs the newest are listed. Behind the runs stand
the sweeps in the folder, with the number of their trials and the best one; tinygrow runs SWEEP lists the trials of one.

With --records FILE a JSON object for each run is written instead: network, settings, curve and accuracy at the end, of one
schema, for predictors of accuracies. Several folders may then be given; trials of the sweeps in them are among the runs.`,
		Example: `  tinygrow runs
  tinygrow runs ~/experiments --sort accuracy --state finished --json
  tinygrow runs --records all.jsonl runs ~/experiments
  tinygrow runs show runs/a
  tinygrow runs rm runs/a runs/b
  tinygrow runs gc --dry-run`,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) > 1 && records == "" {
				return usagef("runs takes one folder, or show, rm or gc before runs: see %s --help", c.CommandPath())
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			by := orders[order]
			if by == nil {
				return usagef("--sort %q: must be one of %s", order, strings.Join(slices.Sorted(maps.Keys(orders)), ", "))
			}
			if state != "" && !slices.Contains(states, view.State(state)) {
				return usagef("--state %q: must be running, finished, stopped or failed", state)
			}
			if records != "" {
				if asJSON || c.Flags().Changed("sort") {
					return usagef("--records writes a file of its own order and form: leave out --json and --sort")
				}
				if len(args) == 0 {
					args = []string{folderOf(args)}
				}
				return recordRuns(c, records, args, view.State(state))
			}
			library, err := view.NewLibrary(folderOf(args))
			if err != nil {
				return err
			}
			list, err := library.List()
			if err != nil {
				return err
			}
			list = slices.DeleteFunc(list, func(s view.Summary) bool { return state != "" && string(s.State) != state })
			slices.SortStableFunc(list, func(a, b view.Summary) int { return by(&a, &b) })
			sweeps := []sweep.Listed{}
			if state == "" {
				if sweeps, err = sweep.List(library.Folder()); err != nil {
					return err
				}
			}
			if asJSON {
				return json.NewEncoder(c.OutOrStdout()).Encode(struct {
					Folder string         `json:"folder"`
					Runs   []view.Summary `json:"runs"`
					Sweeps []sweep.Listed `json:"sweeps"`
				}{library.Folder(), list, sweeps})
			}
			if len(list)+len(sweeps) == 0 {
				fmt.Fprintf(printable{c.ErrOrStderr()}, "there is no such run in %s\n", library.Folder())
				return nil
			}
			return printRuns(c.OutOrStdout(), list, sweeps)
		},
	}
	c.Flags().StringVar(&order, "sort", order, "what to sort by: "+strings.Join(slices.Sorted(maps.Keys(orders)), ", "))
	c.Flags().StringVar(&state, "state", "", "list only runs that are running, finished, stopped or failed")
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON object on stdout")
	c.Flags().StringVar(&records, "records", "", "write a JSON object a line about each run to this `file`; -: to stdout")
	c.AddCommand(newRunsShow(), newRunsRemove(), newRunsTidy())
	return c
}

// folderOf returns the folder of runs that the arguments name, or the usual one.
func folderOf(args []string) string {
	if len(args) > 0 {
		return args[0]
	}
	return "runs"
}

// lineWidth is how many columns the lines of a list of runs have at most.
const lineWidth = 80

// printRuns prints a line for each run, then one for each sweep.
func printRuns(out io.Writer, list []view.Summary, sweeps []sweep.Listed) error {
	rows := [][]string{{"RUN", "STATE", "ACC %", "PARAMS", "STEPS", "FLOPS", "TIME", "POLICY", "HOST"}}
	for _, s := range list {
		if s.Fault != "" {
			rows = append(rows, []string{s.Name, "broken", "-", "-", "-", "-", "-", "-", "-"})
			continue
		}
		rows = append(rows, []string{s.Name, string(s.State), accuracyOf(s), scaled(float64(s.Params)),
			scaled(float64(s.Step)), scaled(s.FLOPs),
			brief(s.Wall), s.Policy, cmp.Or(s.Host, "-")})
	}
	for _, s := range sweeps {
		row := []string{s.Name, fmt.Sprintf("sweep %d/%d", s.Made, s.Trials), "-", "-", "-", scaled(s.FLOPs), brief(s.CPUS), s.Algorithm,
			"-"}
		if s.Fault != "" {
			row = []string{s.Name, "broken", "-", "-", "-", "-", "-", "sweep", "-"}
		}
		if b := s.Best; b != nil {
			row[2] = accuracyOf(view.Summary{Split: b.Split, Accuracy: b.Accuracy, Metric: b.Metric})
			row[3], row[4] = scaled(float64(b.Params)), scaled(float64(b.Steps))
		}
		rows = append(rows, row)
	}
	return printColumns(out, rows)
}

// accuracyOf writes the accuracy of a run's last evaluation in per cent, or its R2.
func accuracyOf(s view.Summary) string {
	text := fmt.Sprintf("%.2f", 100*s.Accuracy)
	if s.Metric == nn.Regression.Metric() {
		text = fmt.Sprintf("%s=%.3f", s.Metric, s.Accuracy)
	}
	switch s.Split {
	case "":
		return "-"
	case "validation":
		return "v" + text
	}
	return text
}

// Columns of a list of runs: those of numbers stand to the right, and those of names
// are cut, the last first, where a line would be too long.
const (
	firstNumber, lastNumber = 2, 6
	leastName, leastOther   = 12, 6
	niceName                = 20 // what a name keeps before others are cut further
)

// printColumns prints rows in columns, in lines of at most lineWidth columns.
func printColumns(out io.Writer, rows [][]string) error {
	widths := make([]int, len(rows[0]))
	total := 2*len(widths) - 2
	for i := range widths {
		for k := range rows {
			rows[k][i] = proto.Printable(rows[k][i])
			widths[i] = max(widths[i], runewidth.StringWidth(rows[k][i]))
		}
		total += widths[i]
	}
	cut := func(column, least int) {
		less := min(max(total-lineWidth, 0), max(widths[column]-least, 0))
		widths[column] -= less
		total -= less
	}
	last := len(widths) - 1
	cut(last, leastOther)
	cut(0, niceName)
	cut(last-1, leastOther)
	cut(0, leastName)
	for _, row := range rows {
		var line strings.Builder
		for i, cell := range row {
			if i > 0 {
				line.WriteString("  ")
			}
			cell = shorten(cell, widths[i])
			if i >= firstNumber && i <= lastNumber {
				line.WriteString(runewidth.FillLeft(cell, widths[i]))
			} else {
				line.WriteString(runewidth.FillRight(cell, widths[i]))
			}
		}
		if _, err := fmt.Fprintln(out, strings.TrimRight(line.String(), " ")); err != nil {
			return err
		}
	}
	return nil
}

// shorten cuts text in the middle if it has more columns than width.
func shorten(text string, width int) string {
	have := runewidth.StringWidth(text)
	if have <= width {
		return text
	}
	head := width / 2
	return runewidth.Truncate(text, head, "") + "~" + runewidth.TruncateLeft(text, have-(width-head-1), "")
}

// scaled writes a number with three digits and a letter for thousands, as 12.3k; from a
// million times a million on with its power of ten, as 1.2e13.
func scaled(v float64) string {
	const large = 1e12
	switch {
	case v >= large:
		return strings.Replace(fmt.Sprintf("%.1e", v), "e+", "e", 1)
	case v < 1e4:
		return fmt.Sprintf("%.0f", v)
	}
	unit := ""
	for _, u := range []string{"k", "M", "G"} {
		if v < 999.5 {
			break
		}
		v, unit = v/1e3, u
	}
	return fmt.Sprintf("%.3g", v) + unit
}

// brief writes a time in seconds in the two largest of its units.
func brief(seconds float64) string {
	d := time.Duration(float64(seconds * float64(time.Second))).Round(time.Second)
	switch {
	case seconds < 10:
		return fmt.Sprintf("%.1fs", seconds)
	case d < time.Hour:
		return fmt.Sprintf("%dm%02ds", d/time.Minute, d%time.Minute/time.Second)
	case d < 100*time.Hour:
		return fmt.Sprintf("%dh%02dm", d/time.Hour, d%time.Hour/time.Minute)
	}
	return fmt.Sprintf("%dd%02dh", d/(24*time.Hour), d%(24*time.Hour)/time.Hour)
}
