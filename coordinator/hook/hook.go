package hook

import (
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/tinygrow/tinygrow/tensor/faults"
)

// Event names what happened.
type Event string

// The events that hooks are told of.
const (
	Start      Event = "start"      // a process took the run up
	Growth     Event = "growth"     // a growth event was decided
	Evaluation Event = "evaluation" // the network was evaluated
	End        Event = "end"        // the process leaves the run: it is done, was stopped, or failed
)

// Events are all of them.
var Events = []Event{Start, Growth, Evaluation, End}

// Hook is a command or an address with the events that it is told of.
type Hook struct {
	// Events are those it is told of; empty: all.
	Events []Event `yaml:"events"`
	// Command is a program with its arguments; a shell is one only where it says so, as
	// [sh, -c, "..."]. The event is a line on its standard input, and in HOOK_EVENT, HOOK_RUN,
	// HOOK_RUN_DIR and HOOK_STEP.
	Command []string `yaml:"command"`
	// URL is an http or https address to which the event is posted.
	URL string `yaml:"url"`
	// Timeout ends a command or request; 0: after 10 seconds.
	Timeout time.Duration `yaml:"timeout"`
}

// maxHooks is how many hooks a run has at most.
const maxHooks = 32

// Validate returns all faults of hooks at once, or nil.
func Validate(hooks []Hook) error {
	var found faults.List
	found.Check(len(hooks) <= maxHooks, "callbacks.hooks: %d hooks: must be at most %d", len(hooks), maxHooks)
	for i, h := range hooks {
		for _, e := range h.Events {
			found.Check(slices.Contains(Events, e), "callbacks.hooks[%d].events: %.80q: must be start, growth, evaluation or end", i, e)
		}
		found.Check((len(h.Command) > 0) != (h.URL != ""), "callbacks.hooks[%d]: must have a command, as [program, argument], or a url", i)
		found.Check(len(h.Command) == 0 || h.Command[0] != "", "callbacks.hooks[%d].command: its program has no name", i)
		if h.URL != "" {
			u, err := url.Parse(h.URL)
			found.Check(err == nil && u.Host != "" && (u.Scheme == "http" || u.Scheme == "https"),
				"callbacks.hooks[%d].url: must be an address as https://host/path", i)
		}
		found.Check(h.Timeout >= 0 && h.Timeout <= time.Hour, "callbacks.hooks[%d].timeout %s: must be 0 to 1h", i, h.Timeout)
	}
	return found.Err()
}

// wants reports whether the hook is told of an event.
func (h *Hook) wants(e Event) bool { return len(h.Events) == 0 || slices.Contains(h.Events, e) }

// String names the hook: the program, or the host of the address, which may hold secrets
// elsewhere.
func (h *Hook) String() string {
	if len(h.Command) > 0 {
		return "command " + h.Command[0]
	}
	if u, err := url.Parse(h.URL); err == nil {
		return strings.Join([]string{u.Scheme, u.Host}, "://")
	}
	return "url"
}
