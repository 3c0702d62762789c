package run

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/tinygrow/tinygrow/coordinator/checkpoint"
	"github.com/tinygrow/tinygrow/deploy/run/config"
	"github.com/tinygrow/tinygrow/growth"
)

// formerGrowth is the section growth as runs of earlier versions wrote it, with the policy
// and the settings that it started from.
const formerGrowth = `growth:
  policy: %s
  every_steps: 40
  until: 0.5
  max_refusals: %s
  widths: {conv1: 9}
  max_width: 0
  max_params: 0
  max_flops: 0
  samples_per_param: %s
  max_neurons: 64
  min_neurons: %s
  samples:
    statistics: %s
    newborn: 256
    amplitude: 512
  riding: 0.25
  gate:
    significance: %s
    price: %s
    compute_price: %s
  ridge: %s
  entry: %s
  depth_every: 0
  depth_after: 0
  follow: 10
`

// former writes the configuration of a run of an earlier version and reads it.
func former(t *testing.T, values ...any) (Settings, error) {
	t.Helper()
	s := Defaults()
	document, err := config.Encode(&s)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, _ := strings.Cut(string(document), "growth:\n")
	next := regexp.MustCompile(`(?m)^[a-z]`).FindStringIndex(rest) // the section behind growth
	dir := t.TempDir()
	text := before + fmt.Sprintf(formerGrowth, values...) + rest[next[0]:] + endOfConfig
	if err := os.WriteFile(filepath.Join(dir, checkpoint.ConfigFile), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return readRunConfig(dir)
}

// Runs of versions with more settings of growth are read where these had the values that
// are fixed now, and refused with what to write instead where they had others.
func TestRunsOfEarlierVersions(t *testing.T) {
	for policy, values := range map[string][]any{
		"tiny":    {"tiny", "8", "4", "8", "512", "1", "1e-07", "0.002", "1", `""`},
		"compute": {"compute", "8", "4", "1024", "512", "1", "1e-07", "0.002", "1", "orthogonal"},
		"paper":   {"paper", "0", "0", "8", "512", "0", "0", "0", "0.01", `""`},
	} {
		s, err := former(t, values...)
		if err != nil {
			t.Errorf("%s: %v", policy, err)
			continue
		}
		want := growth.DefaultOf(policy)
		if g := s.Growth; g.Policy != policy || g.EverySteps != 40 || g.Until != 0.5 || g.Widths["conv1"] != 9 || g.MaxNeurons != 64 ||
			g.Samples != 512 || g.Gate != want.Gate || g.Riding != 0.25 {
			t.Errorf("%s: read as %+v", policy, g)
		}
	}
	_, err := former(t, "tiny", "3", "4", "2", "600", "1", "0", "0.002", "0.5", `""`)
	if err == nil {
		t.Fatal("other values than those that are fixed now are read")
	}
	for _, says := range []string{"growth.max_refusals: the gate has the numbers", "growth.samples_per_param", "growth.min_neurons: a site that grows",
		"growth.samples.newborn: it is half of growth.samples now", "growth.gate.price: the gate has", "growth.ridge: the policy decides it"} {
		if !strings.Contains(err.Error(), says) {
			t.Errorf("%q is not told:\n%v", says, err)
		}
	}
}
