package run

import (
	"fmt"
	"strings"

	"github.com/tinygrow/tinygrow/coordinator/trainer/initial"
	"github.com/tinygrow/tinygrow/deploy/run/config"
	"github.com/tinygrow/tinygrow/growth"
	"github.com/tinygrow/tinygrow/growth/prune"
	"github.com/tinygrow/tinygrow/tensor/optim"
)

// idleness says of some keys when they change nothing.
type idleness struct {
	keys string // separated by blanks; one that ends in a dot stands for its section
	but  string // a key of that section that counts all the same
	when func(*Settings) bool
	why  string // the value of a key that is to blame, as "prune.policy is none"
}

// idlenesses are looked through in order: a key is told of once.
var idlenesses = []idleness{
	{"growth. optim.births", "growth.policy", func(s *Settings) bool { return s.Growth.Policy == growth.PolicyNone },
		"growth.policy is none"},
	{"prune.", "prune.policy", func(s *Settings) bool { return !s.Prune.Prunes() }, "prune.policy is none"},
	{"prune.gates prune.lr prune.lambda prune.delta", "", func(s *Settings) bool { return s.Prune.Policy != prune.DNAL },
		"prune.policy is not dnal"},
	{"prune.of", "", func(s *Settings) bool { return s.Prune.Keep == 0 }, "prune.keep is 0"},
	{"train.init.iterations train.init.gamma train.init.eta train.init.lr train.init.min_scale", "",
		func(s *Settings) bool { return !s.Train.Init.On() }, "train.init.learn is none"},
	{"train.init.eta", "", func(s *Settings) bool { return s.Train.Init.Learn == initial.NIO }, "train.init.learn is nio"},
	{"train.mirror train.alternate_mirror train.cutout", "", func(s *Settings) bool { return !s.Train.Augment }, "train.augment is false"},
	{"train.alternate_mirror", "", func(s *Settings) bool { return !s.Train.Mirror }, "train.mirror is false"},
	{"train.randaugment.magnitude", "", func(s *Settings) bool { return s.Train.RandAugment.Ops == 0 }, "train.randaugment.ops is 0"},
	{"optim.beta1 optim.beta2 optim.eps", "", func(s *Settings) bool { return s.Optimizer.Name != optim.AdamW }, "optim.name is not adamw"},
	{"optim.momentum optim.nesterov", "", func(s *Settings) bool { return s.Optimizer.Name == optim.AdamW }, "optim.name is adamw"},
	{"optim.muon.", "", func(s *Settings) bool { return s.Optimizer.Name != optim.Muon }, "optim.name is not muon"},
	{"optim.arch.base_depth", "", func(s *Settings) bool { return s.Optimizer.Arch.Rule == optim.ArchNone }, "optim.arch.rule is none"},
	{"optim.step_epochs optim.step_factor", "", func(s *Settings) bool { return s.Optimizer.Schedule != optim.Step },
		"optim.schedule is not step"},
	{"optim.hold", "", func(s *Settings) bool { return s.Optimizer.Schedule != optim.Trapezoid }, "optim.schedule is not trapezoid"},
	{"optim.min_lr", "", func(s *Settings) bool {
		return s.Optimizer.Schedule == optim.Constant || s.Optimizer.Schedule == optim.Step
	}, "optim.schedule is constant or step"},
}

// holds reports whether the keys are of i.
func (i idleness) holds(key string) bool {
	for of := range strings.FieldsSeq(i.keys) {
		if key == of || strings.HasSuffix(of, ".") && strings.HasPrefix(key, of) && key != i.but {
			return true
		}
	}
	return false
}

// Idle says, a sentence for each reason, which of the settings that were given change nothing in a run of settings s, which
// came of them. What a recipe says is not told.
func (g Given) Idle(s Settings) (told []string) {
	was := Defaults()
	if !growth.StartAlike(s.Growth.Policy, was.Growth.Policy) {
		was.Growth = growth.DefaultOf(s.Growth.Policy)
	}
	own := g
	own.Recipe = ""
	_ = Given{Recipe: g.Recipe}.lay(&was) // faults were told when the settings were resolved
	now := was
	_ = own.lay(&now)
	left := config.Keys(&s)
	for _, i := range idlenesses {
		if !i.when(&s) {
			continue
		}
		var idle, rest []string
		for _, key := range left {
			switch {
			case !i.holds(key):
				rest = append(rest, key)
			case config.Get(&was, key) != config.Get(&now, key):
				idle = append(idle, key)
			}
		}
		left = rest
		if idle != nil {
			told = append(told, fmt.Sprintf("without effect, as %s: %s", i.why, fewOf(idle)))
		}
	}
	return told
}

// fewOf writes keys behind one another, a few of many.
func fewOf(keys []string) string {
	const most = 4
	if n := len(keys); n > most {
		return fmt.Sprintf("%s and %d more", strings.Join(keys[:most-1], ", "), n-most+1)
	}
	return strings.Join(keys, ", ")
}
