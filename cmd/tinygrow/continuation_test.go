package main

import (
	"testing"

	"github.com/tinygrow/tinygrow/coordinator"
)

// A run that stopped goes on by the command that ran it.
func TestContinuationFitsTheRun(t *testing.T) {
	far := natsSettings{URL: "nats://me:secret@h:4222", Creds: "keys/seed.nk", CA: "keys/ca.crt"}
	for want, c := range map[string]struct {
		nats natsSettings
		how  start
		n    hands
		dir  string
	}{
		"continue with: tinygrow resume runs/a":                                                                                                                  {n: 1, dir: "runs/a"},
		`continue with: tinygrow resume 'it'\''s mine'`:                                                                                                          {n: 1, dir: "it's mine"},
		"continue with: tinygrow resume runs/a --listen 127.0.0.1:4222":                                                                                          {n: 2, dir: "runs/a", nats: natsSettings{Listen: "127.0.0.1:4222", URL: "nats://127.0.0.1:4222"}},
		"continue with: tinygrow resume runs/a --nats nats://xxxxx@h:4222 --creds keys/seed.nk --ca keys/ca.crt":                                                 {n: 1, dir: "runs/a", nats: far},
		"its workers wait and join again; continue with: tinygrow coordinator --nats nats://h:4222 --run-dir r --resume":                                         {dir: "r", nats: natsSettings{URL: "nats://h:4222"}},
		"a standby goes on with the run if there is one; this one stands by again with: tinygrow coordinator --nats nats://h:4222 --run a --run-dir r --standby": {dir: "r", nats: natsSettings{URL: "nats://h:4222"}, how: start{standby: true}},
	} {
		s := settings{place: place{Run: "a", NATS: c.nats}}
		if got := s.continuation(c.how, c.n, c.dir); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

// Only where others can join are they asked for.
func TestInviteOnlyWhereOthersCanJoin(t *testing.T) {
	alone, open := settings{}, settings{place: place{NATS: natsSettings{URL: "nats://127.0.0.1:4222"}}}
	alone.Config, open.Config = coordinator.Default(), coordinator.Default()
	if alone.invite() != "" || open.invite() != "; start more with tinygrow worker --nats nats://127.0.0.1:4222" {
		t.Errorf("%q, %q", alone.invite(), open.invite())
	}
	alone.Cluster.MinWorkers, open.Cluster.MinWorkers = 2, 2
	if alone.enough(1) == nil || alone.enough(2) != nil || open.enough(1) != nil {
		t.Error("who is to wait for workers that can or cannot come")
	}
}
