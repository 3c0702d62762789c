package worker

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/tinygrow/tinygrow/proto"
)

// A worker that is told no run takes the one that goes on: it waits while there is
// none, forgets those that ended, and does not choose between two.
func TestDiscoverTakesTheOnlyRun(t *testing.T) {
	for name, c := range map[string]struct {
		script func(said func(r proto.RunID, ended bool))
		run    proto.RunID
		want   string // of an error
	}{
		"one": {func(said func(proto.RunID, bool)) { said("a", false) }, "a", ""},
		"one, later": {func(said func(proto.RunID, bool)) {
			time.Sleep(time.Minute)
			said("a", false)
		}, "a", ""},
		"two": {func(said func(proto.RunID, bool)) {
			said("b", false)
			said("a", false)
		}, "", "a, b"},
		"one of two ended": {func(said func(proto.RunID, bool)) {
			said("a", false)
			said("b", false)
			said("a", true)
		}, "b", ""},
		"none": {func(func(proto.RunID, bool)) {}, "", "deadline"},
		"one that ended": {func(said func(proto.RunID, bool)) {
			said("a", false)
			said("a", true)
		}, "", "deadline"},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, d *desk) {
				b := d.hub.Connect()
				defer b.Close()
				ctx, stop := context.WithTimeout(t.Context(), time.Hour)
				defer stop()
				go func() {
					time.Sleep(time.Second) // it listens by then
					c.script(func(r proto.RunID, ended bool) {
						d.news(proto.News{Head: proto.Head{Run: r, Term: 1, Start: "s"}, Ended: ended})
					})
				}()
				waited := 0
				run, err := Discover(ctx, b, func(string) { waited++ }, Config{}.withDefaults().Log)
				if run != c.run || (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
					t.Errorf("%q, %v", run, err)
				}
				if c.want == "a, b" && !errors.Is(err, ErrManyRuns) || c.want == "deadline" && waited < 1000 {
					t.Errorf("%v, said %d times that it waits", err, waited)
				}
			})
		})
	}
}
