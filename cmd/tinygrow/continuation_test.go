package main

import (
	"testing"

	"github.com/tinygrow/tinygrow/deploy/run"
)

// A run that stopped goes on by the command that ran it.
func TestContinuationFitsTheRun(t *testing.T) {
	far := run.NATS{URL: "nats://me:secret@h:4222", Creds: "keys/seed.nk", CA: "keys/ca.crt"}
	for want, c := range map[string]struct {
		nats run.NATS
		how  run.Start
		dir  string
	}{
		"continue with: tinygrow resume runs/a":                                                                                                                  {how: run.Start{Workers: 1}, dir: "runs/a"},
		`continue with: tinygrow resume 'it'\''s mine'`:                                                                                                          {how: run.Start{Workers: 1}, dir: "it's mine"},
		"continue with: tinygrow resume runs/a --listen 127.0.0.1:4222":                                                                                          {how: run.Start{Workers: 2}, dir: "runs/a", nats: run.NATS{Listen: "127.0.0.1:4222", URL: "nats://127.0.0.1:4222"}},
		"continue with: tinygrow resume runs/a --nats nats://xxxxx@h:4222 --creds keys/seed.nk --ca keys/ca.crt":                                                 {how: run.Start{Workers: 1}, dir: "runs/a", nats: far},
		"its workers wait and join again; continue with: tinygrow coordinator --nats nats://h:4222 --run-dir r --resume":                                         {dir: "r", nats: run.NATS{URL: "nats://h:4222"}},
		"a standby goes on with the run if there is one; this one stands by again with: tinygrow coordinator --nats nats://h:4222 --run a --run-dir r --standby": {dir: "r", nats: run.NATS{URL: "nats://h:4222"}, how: run.Start{Standby: true}},
	} {
		s := run.Settings{Place: run.Place{Run: "a", NATS: c.nats}}
		if got := continuation(&s, c.how, c.dir); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}
