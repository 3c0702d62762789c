// Command render writes deploy/docs/settings.md, the page of every setting, from the
// notes and defaults in deploy/run.
//
//	go run ./deploy/docs/render
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/tinygrow/tinygrow/deploy/run"
	"github.com/tinygrow/tinygrow/deploy/run/config"
	"github.com/tinygrow/tinygrow/growth"
)

func main() {
	if err := os.WriteFile(filepath.Join("deploy", "docs", "settings.md"), []byte(page()), 0o644); err != nil {
		fmt.Fprintln(os.Stderr, "render:", err)
		os.Exit(1)
	}
}

// alone is the heading of keys without a section.
const alone = "run and others"

// sections say what the keys below a heading are about.
var sections = map[string]string{
	"data": "Which samples.", "model": "The network that the run begins with.",
	"train": "How long, in which batches, and how images are changed.",
	"optim": "How weights are updated.", "growth": "Where, when and how much to grow. Defaults are those of `compute`.",
	"prune":      "Whether, when and how much to take out again ([pruning](pruning.md)).",
	"sync":       "Whether replicas take steps of their own ([many machines](many-machines.md)).",
	"callbacks":  "What is done by evaluations, and who is told of events.",
	"cluster":    "How workers are dealt with. No result depends on it.",
	"checkpoint": "When a run is saved.", "nats": "How the server is reached.",
	"worker": "Who a worker is.", "fetch": "Where fetched data sets are kept.", "ui": "The pages of a run.",
	"telemetry": "What other programs are told of a run.",
	alone:       "Where a run is, and with how many hands it is computed.",
}

// head begins the page; a double quote stands for a backquote.
const head = `# Every setting

Settings come from a recipe ("--recipe"), a YAML file ("--config"), the environment, "--set key=value" and flags, the later ones winning.
In a file a dot is a section:

"""yaml
optim: {lr: 0.05}
growth:
  max_params: 50000
"""

The variable of "optim.lr" is "TINYGROW_OPTIM_LR". Numbers are decimal, booleans true and false, durations as "1m30s". An unknown key is an
error that names the nearest known one. The sections data, model, train, optim, growth, prune, sync and callbacks decide a run's result and
are kept by it; "tinygrow resume" refuses others than its own. "tinygrow config keys WORD" tells the same in a terminal,
"tinygrow config print --schema" an editor.

This page is written by "go run ./deploy/docs/render".
`

// page returns the page of every setting.
func page() string {
	var b strings.Builder
	b.WriteString(strings.ReplaceAll(head, `"`, "`"))
	base := run.Defaults()
	rows, order := map[string][]string{}, []string{}
	for _, n := range run.Notes() {
		section, _, inside := strings.Cut(n.Key, ".")
		if !inside {
			section = alone
		}
		if rows[section] == nil {
			order = append(order, section)
		}
		rows[section] = append(rows[section],
			fmt.Sprintf("| `%s` | %s | %s | %s |\n", n.Key, code(config.Get(&base, n.Key)), n.Values, n.Does+others(n.Key)))
	}
	for _, section := range order {
		fmt.Fprintf(&b, "\n## %s\n\n%s\n\n| key | default | values | what it does |\n|---|---|---|---|\n%s", section, sections[section],
			strings.Join(rows[section], ""))
	}
	return b.String()
}

// code sets a default in a font of its own; none is a dash.
func code(value string) string {
	if value == "" {
		return "-"
	}
	return "`" + value + "`"
}

// others tells which policies start from another default than the first.
func others(key string) string {
	inside, of := strings.CutPrefix(key, "growth.")
	if !of || inside == "policy" {
		return ""
	}
	first := growth.Default()
	by := map[string][]string{}
	var values []string
	for _, policy := range growth.Policies() {
		start := growth.DefaultOf(policy)
		value := config.Get(&start, inside)
		if value == "" || value == config.Get(&first, inside) || policy == growth.PolicyNone {
			continue
		}
		if by[value] == nil {
			values = append(values, value)
		}
		by[value] = append(by[value], "`"+policy+"`")
	}
	slices.Sort(values)
	text := ""
	for _, value := range values {
		text += fmt.Sprintf(" Default of %s: `%s`.", strings.Join(by[value], ", "), value)
	}
	return text
}
