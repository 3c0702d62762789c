package run

import (
	"testing"

	"github.com/tinygrow/tinygrow/coordinator"
)

// Only where others can join are they asked for.
func TestInviteOnlyWhereOthersCanJoin(t *testing.T) {
	alone, open := Settings{}, Settings{Place: Place{NATS: NATS{URL: "nats://127.0.0.1:4222"}}}
	alone.Config, open.Config = coordinator.Default(), coordinator.Default()
	if alone.invite() != "" || open.invite() != "; start more with tinygrow worker --nats nats://127.0.0.1:4222" {
		t.Errorf("%q, %q", alone.invite(), open.invite())
	}
	alone.Cluster.MinWorkers, open.Cluster.MinWorkers = 2, 2
	if alone.enough(1) == nil || alone.enough(2) != nil || open.enough(1) != nil {
		t.Error("who is to wait for workers that can or cannot come")
	}
}
