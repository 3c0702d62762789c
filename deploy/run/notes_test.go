package run

import (
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tinygrow/tinygrow/deploy/run/config"
)

func TestEveryKeyHasANote(t *testing.T) {
	base := Defaults()
	var keys []string
	for _, n := range Notes() {
		keys = append(keys, n.Key)
		if !strings.HasSuffix(n.Does, ".") {
			t.Errorf("%s: %q is no sentence", n.Key, n.Does)
		}
	}
	if diff := cmp.Diff(config.Keys(&base), keys); diff != "" {
		t.Errorf("keys and notes differ: write in notes.go what a new key does\n%s", diff)
	}
}

// beside is what a key, or one value of it, needs of others.
var beside = map[string][]string{
	"callbacks.early_stopping.monitor=val_accuracy":   {"train.validation=100"},
	"callbacks.early_stopping.monitor=val_loss":       {"train.validation=100"},
	"callbacks.early_stopping.min_delta":              {"callbacks.early_stopping.monitor=accuracy"},
	"callbacks.early_stopping.patience":               {"callbacks.early_stopping.monitor=accuracy"},
	"callbacks.early_stopping.mode":                   {"callbacks.early_stopping.monitor=accuracy"},
	"callbacks.early_stopping.start_from_epoch":       {"callbacks.early_stopping.monitor=accuracy"},
	"callbacks.model_checkpoint.monitor":              {"callbacks.model_checkpoint.save_best_only=true"},
	"callbacks.model_checkpoint.monitor=val_accuracy": {"train.validation=100"},
	"callbacks.model_checkpoint.monitor=val_loss":     {"train.validation=100"},
	"data.name":                   {"data.dir=x"},
	"data.table.task":             {"data.name=table", "data.dir=x"},
	"train.batch":                 {"train.microshard=1"},
	"train.microshard":            {"train.batch=2048"},
	"train.epochs":                {"train.steps=1"},
	"optim.momentum":              {"optim.name=sgd", "optim.nesterov=false"},
	"optim.beta1":                 {"optim.name=adamw"},
	"optim.beta2":                 {"optim.name=adamw"},
	"optim.eps":                   {"optim.name=adamw"},
	"optim.hold":                  {"optim.warmup=0"},
	"optim.warmup":                {"optim.hold=1"},
	"cluster.min_workers":         {"cluster.max_workers=65536"},
	"model.empty_blocks":          {"model.name=resnet18"},
	"train.target_accuracy":       {"train.eval_epochs=1"},
	"model.label_smoothing":       {"model.loss=cross_entropy"},
	"worker.threads":              {"workers=1"},
	"workers":                     {"worker.threads=1"},
	"model.widths":                {"model.name=cnn"},
	"growth.riding":               {"growth.policy=tiny"},
	"optim.arch.rule":             {"optim.name=sgd"},
	"optim.arch.base_depth":       {"optim.name=sgd", "optim.arch.rule=path_sum"},
	"train.update.beta":           {"train.update.rule=rec_lra"},
	"train.update.gamma":          {"train.update.rule=rec_lra"},
	"train.update.synapses":       {"train.update.rule=rec_lra", "train.update.gamma=0.01"},
	"train.init.iterations":       {"train.init.learn=gradinit"},
	"train.init.gamma":            {"train.init.learn=gradinit"},
	"train.init.eta":              {"train.init.learn=gradinit"},
	"train.init.lr":               {"train.init.learn=gradinit"},
	"train.init.min_scale":        {"train.init.learn=gradinit"},
	"growth.samples":              {"growth.policy=tiny"},
	"growth.hypergrad.terms":      {"growth.policy=hypergrad"},
	"growth.hypergrad.step":       {"growth.policy=hypergrad"},
	"growth.hypergrad.r":          {"growth.policy=hypergrad"},
	"train.masks.until":           {"growth.policy=none"},
	"train.masks.lr":              {"growth.policy=none", "train.masks.until=0.5"},
	"train.masks.temperature":     {"growth.policy=none", "train.masks.until=0.5"},
	"train.masks.end_temperature": {"growth.policy=none", "train.masks.until=0.5"},
	"sync.every=65536":            {"sync.replicas=1"},
	"sync.replicas=4096":          {"sync.every=2", "train.batch=4096", "train.microshard=1"},
	"sync.outer_lr":               {"sync.every=2", "sync.replicas=1"},
	"sync.outer_momentum":         {"sync.every=2", "sync.replicas=1"},
}

// refusal returns what is said of a value.
func refusal(key, value string) error {
	s := Defaults()
	for _, text := range append(slices.Concat(beside[key], beside[key+"="+value]), key+"="+value) {
		if err := config.Setting(&s, "test", text); err != nil {
			return err
		}
	}
	return s.Validate()
}

// The values that a note tells are those that the checks take: each name, both
// ends of a range and nothing beyond them.
func TestNotesAreWhatTheChecksTake(t *testing.T) {
	base := Defaults()
	for _, n := range Notes() {
		takes := func(value string) {
			if err := refusal(n.Key, value); err != nil {
				t.Errorf("%s: %s is refused: %v", n.Key, value, err)
			}
		}
		refuses := func(value string) {
			if refusal(n.Key, value) == nil {
				t.Errorf("%s: %s is taken, the note says %s", n.Key, value, n.Values)
			}
		}
		v := n.Values
		for _, name := range v.OneOf {
			takes(name)
		}
		if len(v.OneOf) > 0 {
			refuses("no-such-name")
			if diff := cmp.Diff(listed(refusal(n.Key, "no-such-name")), slices.Sorted(slices.Values(v.OneOf))); diff != "" {
				t.Errorf("%s: what the check lists differs from the note:\n%s", n.Key, diff)
			}
			continue
		}
		was := config.Get(&base, n.Key)
		text := func(x float64) string { return strconv.FormatFloat(x, 'g', -1, 64) }
		near := func(x, towards float64) float64 { return math.Nextafter(x, towards) }
		if _, err := strconv.ParseInt(was, 10, 64); err == nil && !strings.Contains(was, ".") && whole(n.Key) {
			text = func(x float64) string { return strconv.FormatFloat(x, 'f', 0, 64) }
			near = func(x, towards float64) float64 { return x + math.Copysign(1, towards-x) }
		}
		if _, err := time.ParseDuration(was); err == nil && was != "0" {
			text = func(x float64) string { return time.Duration(math.Round(x * 1e9)).String() }
			near = func(x, towards float64) float64 { return x + math.Copysign(1e-9, towards-x) }
		}
		if v.Least != nil {
			inside, outside := *v.Least, near(*v.Least, math.Inf(-1))
			if v.Above {
				inside, outside = near(*v.Least, math.Inf(1)), *v.Least
			}
			if inside = max(inside, 1e-300); *v.Least == 0 && !v.Above {
				inside, outside = 0, near(-1e-3, math.Inf(-1))
			}
			takes(text(inside))
			refuses(text(outside))
		}
		if v.Most != nil {
			inside, outside := *v.Most, near(*v.Most, math.Inf(1))
			if v.Below {
				inside, outside = near(*v.Most, 0), *v.Most
			}
			takes(text(inside))
			refuses(text(outside))
		}
	}
}

// listed returns the names that a refusal says there are.
func listed(err error) []string {
	if err == nil {
		return nil
	}
	_, names, _ := strings.Cut(strings.Split(err.Error(), "\n")[0], "must be ")
	if names == "" {
		_, names, _ = strings.Cut(err.Error(), "use ")
	}
	list := regexp.MustCompile(`[a-z][a-z0-9_-]*`).FindAllString(names, -1)
	list = slices.DeleteFunc(list, func(w string) bool { return w == "one" || w == "of" || w == "or" })
	slices.Sort(list)
	return list
}

// whole reports whether a key takes whole numbers only.
func whole(key string) bool {
	s := Defaults()
	return config.Set(&s, "test", key, "0.5") != nil
}
