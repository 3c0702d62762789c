package config

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

type optim struct {
	LR       float64 `yaml:"lr"`
	Schedule string
	Betas    []float64
}

type site struct{ Name string }

type sample struct {
	Name  string
	Seed  uint64
	Optim optim
	Run   struct {
		Every time.Duration
		Quiet bool
		Sites []site
	} `yaml:"run"`
	Secret string `yaml:"-"`
}

func defaults() *sample {
	s := &sample{Name: "a", Seed: 1, Optim: optim{LR: 0.1, Schedule: "cosine"}}
	s.Run.Every = time.Second
	return s
}

func TestLaterSourcesWin(t *testing.T) {
	s := defaults()
	for _, err := range []error{
		Decode(s, "f.yaml", []byte("seed: 2\noptim:\n  lr: 0.2\n  betas: [0.9, 0.99]\nrun: {every: 3s, sites: [{name: x}]}\n")),
		Environment(s, []string{"TINYGROW_OPTIM_LR=0.3", "TINYGROW_ISA=generic", "TINYGROW_OPTIM_MOMENTUM=", "HOME=/", "TINYGROW_NATS_PORT_4222_TCP_ADDR=x"}, []string{"TINYGROW_ISA"}),
		Setting(s, "--set", "optim.lr=4e-1"),
		Setting(s, "--set", "run.quiet=true"),
		Setting(s, "--set", "name="),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	want := defaults()
	want.Name, want.Seed, want.Optim.LR, want.Optim.Betas = "", 2, 0.4, []float64{0.9, 0.99}
	want.Run.Every, want.Run.Quiet, want.Run.Sites = 3*time.Second, true, []site{{"x"}}
	if diff := cmp.Diff(want, s); diff != "" {
		t.Error(diff)
	}
}

func TestEncodeIsReadBack(t *testing.T) {
	s := defaults()
	s.Run.Sites = []site{{"x"}}
	text, err := Encode(s)
	if err != nil {
		t.Fatal(err)
	}
	var back sample
	if err := Decode(&back, "f", text); err != nil {
		t.Fatal(err)
	}
	again, _ := Encode(&back)
	if string(again) != string(text) {
		t.Errorf("%s\nread back as\n%s", text, again)
	}
}

func TestEveryFaultHasAPlaceAndAHint(t *testing.T) {
	s := defaults()
	err := Decode(s, "f.yaml", []byte(`seed: -1
optim:
  rl: 0.2
  lr: fast
  lr: 0.7
run: yes
modle: x
lr: 3
`))
	want := strings.TrimSpace(`
f.yaml:1: seed: "-1" must be a whole number of 0 or more
f.yaml:3: unknown key optim.rl: did you mean optim.lr?
f.yaml:4: optim.lr: "fast" must be a number
f.yaml:5: optim.lr is set twice: first on line 4
f.yaml:6: run must be a section, as run: {every: ...}
f.yaml:7: unknown key modle
f.yaml:8: unknown key lr: did you mean optim.lr?`)
	if diff := cmp.Diff(want, err.Error()); diff != "" {
		t.Error(diff)
	}
}

func TestSettingsAndVariablesSayWhatIsWrong(t *testing.T) {
	for text, want := range map[string]string{
		"optim.lrr=1":          "--set: unknown key optim.lrr: did you mean optim.lr?",
		"run=1":                "--set: run is a section: set one of its keys, as run.every",
		"seed":                 `--set: "seed" must be key=value, as optim.lr=0.1`,
		"run.every=fast":       "--set: run.every: \"fast\" must be a duration, as 30s",
		"optim.lr.x=1":         "--set: unknown key optim.lr.x: did you mean optim.lr?",
		"optim.betas=[a]":      "--set: optim.betas: \"a\" must be a list, as [...], of a number",
		"run.sites=[{nam: x}]": "--set: unknown key run.sites[0].nam: did you mean run.sites[0].name?",
	} {
		if err := Setting(defaults(), "--set", text); err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
	err := Environment(defaults(), []string{"TINYGROW_OPTIM_RL=1", "TINYGROW_SEED=x"}, nil)
	want := "environment: unknown variable TINYGROW_OPTIM_RL: did you mean TINYGROW_OPTIM_LR?\nTINYGROW_SEED: seed: \"x\" must be a whole number of 0 or more"
	if err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}

func TestKeys(t *testing.T) {
	want := []string{"name", "seed", "optim.lr", "optim.schedule", "optim.betas", "run.every", "run.quiet", "run.sites"}
	if got := Keys(defaults()); !slices.Equal(got, want) {
		t.Errorf("keys %v, want %v", got, want)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add("seed: 2\noptim: {lr: 1}\n")
	f.Add("&a [*a]")
	f.Add("run: {sites: [{name: x}, 3]}")
	f.Add("optim: &o {lr: 1}\nrun: *o")
	f.Fuzz(func(t *testing.T, text string) {
		s := defaults()
		if Decode(s, "f", []byte(text)) != nil {
			return
		}
		if _, err := Encode(s); err != nil {
			t.Fatal(err)
		}
	})
}
