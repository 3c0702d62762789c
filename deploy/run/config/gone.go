package config

// gone are keys of earlier versions, with what replaced them or why nothing did.
var gone = map[string]string{
	"growth.preset":             "policies are named by growth.policy (--policy): paper is algorithm 1 of the TINY paper, tiny was best",
	"growth.where":              "the policy decides it: paper, random and net2net grow one site after the other",
	"growth.kernels":            "new outgoing kernels use their centre: leave it out",
	"growth.scale":              "the policy decides it: paper has the amplitude on both sides of a neuron",
	"growth.refit":              "the policy decides it: paper has no refit",
	"growth.blind":              "the policy decides it: paper refuses where the solver finds nothing, tiny tries random neurons",
	"growth.together":           "the policy decides it: paper grows one site at a time",
	"growth.every_epochs":       "events are due by steps: set growth.every_steps",
	"growth.plateau":            "waiting for a plateau grew too late: leave it out",
	"growth.max_gap":            "no event waits for the loss of an evaluation: leave it out",
	"growth.min_bottleneck":     "the gate decides by measured gain: see growth.gate",
	"growth.statistics_samples": "it is called growth.samples.statistics now",
	"growth.newborn_samples":    "it is called growth.samples.newborn now",
	"growth.amplitude_samples":  "it is called growth.samples.amplitude now",
	"growth.precision":          "statistics are read whole, which costs little: set growth.samples.statistics",
	"growth.significance":       "it is called growth.gate.significance now",
	"growth.price":              "it is called growth.gate.price now",
	"growth.compute_price":      "it is called growth.gate.compute_price now",
	"growth.max_ratio":          "a site may double, or gain growth.min_neurons: set growth.max_neurons",
	"growth.min_ratio":          "a site that grows gains at least growth.min_neurons",
	"growth.sites_per_event":    "up to six sites grow by measured gain: leave it out",
	"growth.trials":             "up to six sites are tried: leave it out",
	"growth.min_power":          "amplitudes from 2^-6 to 2^12 are tried: leave it out",
	"growth.max_power":          "amplitudes from 2^-6 to 2^12 are tried: leave it out",
	"growth.apply_update":       "the refit changes existing weights: leave it out",
	"growth.outgoing":           "random neurons begin with outgoing weights of zero, which was best: leave it out",
	"growth.beyond":             "the gate counts all that a neuron's refit gains: leave it out",
	"growth.max_events":         "set growth.until, growth.max_refusals or a budget",
	"growth.depth_blocks":       "set growth.max_params or growth.max_flops",
	"growth.warm_up":            "new neurons learn at the rate of the others, which was best: leave it out",
	"growth.dry_run":            "tinygrow inspect RUN --dry-run decides without growing",
	"optim.warmup_epochs":       "warm-up is a part of the run now: set optim.warmup, as 0.1",
	"train.grow_batch":          "all steps have batches of train.batch samples, which was best: leave it out",
	"train.max_batch":           "all steps have batches of train.batch samples: leave it out",
}

func init() {
	for key, why := range gone {
		absent[bare(key)] = why
	}
	absent["preset"] = gone["growth.preset"]
}
