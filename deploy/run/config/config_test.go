package config

import (
	"math"
	"slices"
	"strconv"
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

// Numbers are decimal and booleans true or false, wherever they come from: what YAML
// 1.1 or Go would read in another way is an error that says how to write it.
func TestNumbersAreDecimal(t *testing.T) {
	type numbers struct {
		Whole   int
		Natural uint64
		Real    float64
		Yes     bool
		Time    time.Duration
		List    []int
		Map     map[string]int
		Text    string
	}
	for setting, says := range map[string]string{
		"whole=010": "written in decimal digits: 10", "whole=-007": "written in decimal digits: -7", "whole=0x10": "written in decimal digits: 16",
		"whole=0o17": "written in decimal digits: 15", "whole=0b11": "written in decimal digits: 3", "whole=1_000": "written in decimal digits: 1000",
		"whole=64.0": "written in decimal digits: 64", "whole=1e3": "written in decimal digits: 1000", "whole=64.9": `"64.9" must be a whole number`,
		"whole=1:30": "must be a whole number", "whole=.inf": "must be a whole number", "whole=99999999999999999999": "beyond the range", "whole=": "must be a whole number",
		"whole=~": "must be a whole number", "whole=null": "must be a whole number", "whole='3'": "must be a whole number", "whole=3 # more": "must be a whole number",
		"natural=-1": "must be a whole number of 0 or more", "natural=18446744073709551616": "beyond the range", "natural=-0": "must be",
		"real=.inf": "must be a number", "real=-.INF": "must be a number", "real=.nan": "must be a number", "real=NaN": "must be a number", "real=inf": "must be a number",
		"real=1e400": "beyond the range", "real=1e-400": "beyond the range", "real=0x1p3": "must be a number", "real=1_0.5": "must be a number", "real=010.5": "must be a number",
		"real=1,5": "must be a number", "real=.": "must be a number", "real=e5": "must be a number",
		"yes=yes": "true or false", "yes=on": "true or false", "yes=1": "true or false", "yes=True": "true or false", "yes=y": "true or false",
		"time=5": "a duration, as 30s", "time=1:30": "a duration", "time=0": "a duration", "list=[1, 010]": "written in decimal digits: 10", "list=[1.5]": "a whole number", "list=3": "must be a list",
		"list=[~]": "has no value", "list=[1]\n---\n[2]": "a second document", "map={a: 1_0}": "written in decimal digits: 10", "map={a: 1, a: 2}": "a is set twice", "map={a: }": "has no value",
	} {
		n := numbers{Whole: 7, Real: 7}
		if err := Setting(&n, "--set", setting); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("--set %s: %v, want %q", setting, err, says)
		}
		key, value, _ := strings.Cut(setting, "=")
		if err := Environment(&n, []string{"TINYGROW_" + strings.ToUpper(key) + "=" + value}, nil); value != "" && (err == nil || !strings.Contains(err.Error(), says)) {
			t.Errorf("environment %s: %v, want %q", setting, err, says)
		}
		if err := Decode(&n, "f", []byte(key+": "+value+"\n")); err == nil && !strings.Contains(setting, "# more") {
			t.Errorf("file %s: no error", setting)
		}
		if n.Whole != 7 && !strings.Contains(setting, "# more") || n.Real != 7 || n.Natural != 0 || n.List != nil || n.Map != nil {
			t.Errorf("%s: a value was set all the same: %+v", setting, n)
		}
	}
	var n numbers
	text := "whole: -10\nnatural: 18446744073709551615\nreal: 2e+13\nyes: true\ntime: 1h30m\nlist: [0, 10]\nmap: {010: 10}\ntext: 010\n"
	if err := Decode(&n, "f", []byte(text)); err != nil {
		t.Fatal(err)
	}
	want := numbers{-10, 1<<64 - 1, 2e13, true, 90 * time.Minute, []int{0, 10}, map[string]int{"010": 10}, "010"}
	if diff := cmp.Diff(want, n); diff != "" {
		t.Error(diff)
	}
	for _, real := range []string{".5", "5.", "-0.5", "1e-07", "1E3", "+2", "0"} {
		if err := Set(&n, "--set", "real", real); err != nil {
			t.Error(err)
		}
	}
	for text, says := range map[string]string{"whole: '10'": "without quotes", "whole: !!int \"10\"": "leave it out", "whole:": "has no value", "text: ~": "has no value", "real: |\n  3": "without quotes"} {
		if err := Decode(&n, "f", []byte(text)); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v, want %q", text, err, says)
		}
	}
}

// A file is one document: keys behind a second --- would be lost.
func TestASecondDocumentIsAnError(t *testing.T) {
	for text, says := range map[string]string{
		"seed: 2\n---\nseed: 3\n": "f: a second document begins on line 2: put all keys into one",
		"seed: 2\n---\n":          "f: a second document begins on line",
		"seed: 2\n---\n{":         "f: line ",
	} {
		if err := Decode(defaults(), "f", []byte(text)); err == nil || !strings.HasPrefix(err.Error(), says) {
			t.Errorf("%q: %v, want %q", text, err, says)
		}
	}
	for _, text := range []string{"---\nseed: 2\n", "seed: 2\n...\n", "# nothing\n", ""} {
		if err := Decode(defaults(), "f", []byte(text)); err != nil {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// A document that must be whole says which keys it lacks.
func TestMissingKeysAreTold(t *testing.T) {
	all := func(string) bool { return true }
	whole, err := Encode(defaults())
	if err != nil {
		t.Fatal(err)
	}
	if err := DecodeWhole(new(sample), "f", whole, all); err != nil {
		t.Error(err)
	}
	for text, says := range map[string]string{
		"": "f: keys are missing: name, seed, optim.lr, optim.schedule, 4 more",
		"name: a\nseed: 1\noptim:\nrun: {every: 1s, quiet: true, sites: []}\n": "f: keys are missing: optim.lr, optim.schedule, optim.betas",
		"name: a\nsede: 1\n": "f:2: unknown key sede: did you mean seed?\nf: keys are missing: seed, optim.lr, optim.schedule, optim.betas, 3 more",
	} {
		if err := DecodeWhole(new(sample), "f", []byte(text), all); err == nil || err.Error() != says {
			t.Errorf("%q: %v, want %q", text, err, says)
		}
	}
	if err := DecodeWhole(new(sample), "f", nil, func(key string) bool { return false }); err != nil {
		t.Error(err)
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
		whole := DecodeWhole(defaults(), "f", []byte(text), func(string) bool { return true })
		if err := Decode(s, "f", []byte(text)); err != nil {
			if whole == nil {
				t.Fatal(err)
			}
			return
		}
		if _, err := Encode(s); err != nil {
			t.Fatal(err)
		}
	})
}

// FuzzParse checks that a number that is taken is the one that is written.
func FuzzParse(f *testing.F) {
	for _, text := range []string{"010", "0x1f", "-3", "1_000", "64.9", "1e3", "18446744073709551615", "+7", "-0", ".5", "1e-400", "30s"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var n int64
		if Parse(&n, text) == nil {
			if want := strings.TrimPrefix(text, "+"); strconv.FormatInt(n, 10) != want && want != "-0" {
				t.Errorf("%q is %d", text, n)
			}
		}
		var r float64
		if Parse(&r, text) == nil {
			if want, err := strconv.ParseFloat(text, 64); err != nil || want != r || math.IsInf(r, 0) || math.IsNaN(r) {
				t.Errorf("%q is %v", text, r)
			}
		}
		var d time.Duration
		_ = Parse(&d, text)
	})
}
