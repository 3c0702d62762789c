package run

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"strings"

	"github.com/tinygrow/tinygrow/coordinator/lead"
	"github.com/tinygrow/tinygrow/deploy/run/config"
	"github.com/tinygrow/tinygrow/proto"
)

// asked lists the settings that decide the bits of the run, a line each: the
// commit log keeps them, so that who comes upon the run on the server can tell
// whether it is the one that was meant. Too long a list is left out; then only
// the run directory tells.
func (s *Settings) asked() string {
	var b strings.Builder
	now := *s
	if s.stands != nil {
		now.Train = s.Train.WithEnd(*s.stands)
	}
	for _, key := range config.Keys(s) {
		if key != "run" && key != "run_dir" && Decides(key) {
			fmt.Fprintf(&b, "%s: %s\n", key, config.Get(&now, key))
		}
	}
	if b.Len() > proto.MaxSettings {
		return ""
	}
	return b.String()
}

// pairs are the keys and values of a list that asked made.
func pairs(list string) iter.Seq2[string, string] {
	return func(yield func(key, value string) bool) {
		for line := range strings.Lines(list) {
			key, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
			if !yield(key, value) {
				return
			}
		}
	}
}

// askedOf lays what asked listed over the defaults. Keys that this version does
// not know are left out.
func askedOf(list string) Settings {
	s := Defaults()
	for key, value := range pairs(list) {
		_ = config.Set(&s, "the commit log", key, value)
	}
	if len(s.Model.Widths) == 0 {
		s.Model.Widths = nil // the default, which is written as []
	}
	return s
}

// agrees returns an error that names both where something was given that the run
// on the server does not have: a standby takes that run up, or none.
func (how Start) agrees(s Settings, past lead.History) error {
	if past.Settings == "" {
		return nil
	}
	run := askedOf(past.Settings)
	run.Place, run.Data.Dir = s.Place, s.Data.Dir
	_, err := how.Given.overRun(run, fmt.Sprintf("run %s on the server", s.Run), "--run", Nothing)
	return err
}

// differs says how the run on the server differs from s, in both's values; empty: not at all.
func (s *Settings) differs(past lead.History) string {
	there := maps.Collect(pairs(past.Settings))
	var list []string
	for key, value := range pairs(s.asked()) {
		if was, known := there[key]; known && was != value {
			list = append(list, fmt.Sprintf("%s is %s there and %s here", key, quoted(was), quoted(value)))
		}
	}
	if n := len(list); n > 5 {
		list = append(list[:5], fmt.Sprintf("and %d more", n-5))
	}
	return strings.Join(list, ", ")
}

// lead waits for the lease that a new or resumed run needs. Where another
// coordinator has it, the error says whose run that is.
func (s *Settings) lead(ctx context.Context, l *lead.Lead, resume bool, con Console) error {
	err := l.Acquire(ctx, nil)
	if err != nil && !errors.Is(err, lead.ErrHeld) {
		return err
	}
	past, failed := l.History(ctx)
	if failed != nil {
		return errors.Join(err, failed, l.Close())
	}
	other := s.differs(past)
	switch {
	case err != nil && other != "":
		return fmt.Errorf("%w; it is another run: %s: give this one an id of its own with --run", err, other)
	case err != nil:
		return fmt.Errorf("%w; to take over when that ends, start this one with --standby", err)
	case other != "" && !resume && !past.Ended:
		con.Line("run %s on the server was another one and had not ended (%s): this one begins anew under its id", s.Run, other)
	}
	return nil
}
