package nn

import "testing"

// The fingerprint goes through every operation that computes anything, so that
// no two machines of the same fingerprint differ in one.
func TestProbesHaveEveryOperation(t *testing.T) {
	seen := map[Op]bool{OpIdentity: true, OpFlatten: true} // compute nothing
	for _, g := range probes() {
		for _, n := range g.Nodes {
			seen[n.Op] = true
		}
	}
	for _, op := range Ops() {
		if !seen[op] {
			t.Errorf("no probe has %q: give it a probe of its own", op)
		}
	}
}

// Every operation has a role, and those that activate say how.
func TestRoles(t *testing.T) {
	for _, op := range Ops() {
		_, described := op.Activation()
		if op.Role() == 0 || described != (op.Role() == Activates) {
			t.Errorf("%q: role %d, described as an activation: %v", op, op.Role(), described)
		}
	}
	if Op("nope").Role() != 0 {
		t.Error("an unknown operation has a role")
	}
}
