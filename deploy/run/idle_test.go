package run

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tinygrow/tinygrow/deploy/run/config"
)

func TestSettingsOfWhichNothingComesAreTold(t *testing.T) {
	file := filepath.Join(t.TempDir(), "a.yaml")
	if err := os.WriteFile(file, []byte("train: {init: {gamma: 3, eta: 0.2}}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		given Given
		want  []string
	}{
		{Given{}, nil},
		{Given{Assignments: []string{"growth.samples=64", "growth.until=0.5", "prune.policy=magnitude"}}, nil},
		{Given{Assignments: []string{"prune.keep=0.3", "prune.lambda=1"}}, []string{"without effect, as prune.policy is none: prune.keep, prune.lambda"}},
		{Given{Assignments: []string{"prune.policy=magnitude", "prune.keep=0.3", "prune.lambda=1"}},
			[]string{"without effect, as prune.policy is not dnal: prune.lambda"}},
		{Given{Assignments: []string{"growth.policy=none", "growth.samples=64", "growth.until=0.5", "growth.riding=1", "growth.gate=false",
			"growth.max_neurons=3"}}, []string{"without effect, as growth.policy is none: growth.until, growth.max_neurons, growth.samples and 2 more"}},
		{Given{Recipe: "cifar10-vgg", Assignments: []string{"growth.policy=none", "data.name=shapes"}}, nil},
		{Given{File: file}, []string{"without effect, as train.init.learn is none: train.init.gamma, train.init.eta"}},
		{Given{File: file, Assignments: []string{"train.init.learn=nio"}}, []string{"without effect, as train.init.learn is nio: train.init.eta"}},
		{Given{Environment: []string{config.Variable("optim.beta1") + "=0.5"}, Assignments: []string{"optim.min_lr=0.01", "optim.hold=0.5"}},
			[]string{"without effect, as optim.name is not adamw: optim.beta1"}},
		{Given{Assignments: []string{"train.augment=false", "train.cutout=true"}},
			[]string{"without effect, as train.augment is false: train.cutout"}},
	} {
		s, err := c.given.Resolve(Defaults())
		if err != nil {
			t.Errorf("%+v: %v", c.given, err)
			continue
		}
		if got := c.given.Idle(s); !slices.Equal(got, c.want) {
			t.Errorf("%+v: %q, want %q", c.given, got, c.want)
		}
	}
}

// Every key that can be idle is a key, and so is what is to blame.
func TestIdleKeysAreKeys(t *testing.T) {
	base := Defaults()
	keys := config.Keys(&base)
	for _, i := range idlenesses {
		for key := range strings.FieldsSeq(i.keys) {
			if !slices.ContainsFunc(keys, func(k string) bool { return k == key || strings.HasSuffix(key, ".") && strings.HasPrefix(k, key) }) {
				t.Errorf("there is no key %s", key)
			}
		}
		if blamed, _, _ := strings.Cut(i.why, " "); !slices.Contains(keys, blamed) || i.but != "" && !slices.Contains(keys, i.but) {
			t.Errorf("there is no key %s or %s", blamed, i.but)
		}
	}
}
