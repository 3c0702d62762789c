package config

// oneGate is what is said of the numbers of the gate.
const oneGate = "the gate has the numbers that were measured: leave it out, or set growth.gate=false to let whatever lowers the loss grow"

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
	"growth.min_bottleneck":     "the gate decides by measured gain: leave it out, or set growth.gate=false",
	"growth.statistics_samples": "it is called growth.samples now",
	"growth.newborn_samples":    "it is half of growth.samples now: set that",
	"growth.amplitude_samples":  "it is as many as growth.samples now: set that",
	"growth.precision":          "statistics are read whole, which costs little: set growth.samples",
	"growth.significance":       oneGate,
	"growth.price":              oneGate,
	"growth.compute_price":      oneGate,
	"growth.samples.statistics": "it is called growth.samples now",
	"growth.samples.newborn":    "it is half of growth.samples now: set that",
	"growth.samples.amplitude":  "it is as many as growth.samples now: set that",
	"growth.gate.significance":  oneGate,
	"growth.gate.price":         oneGate,
	"growth.gate.compute_price": oneGate,
	"growth.samples_per_param":  oneGate + "; set growth.max_params for another size",
	"growth.max_refusals":       oneGate + "; without it growth never gives up",
	"growth.min_neurons":        "a site that grows gains 8 neurons at least, if growth.max_neurons and the limits allow: leave it out",
	"growth.ridge":              "the policy decides it: paper has 0.01 of the inputs' mean square, others all of it: leave it out",
	"growth.depth_after":        "blocks are appended by the number of events: set growth.depth_every",
	"growth.follow":             "new neurons are followed for 10 steps: leave it out",
	"growth.max_ratio":          "a site may double: set growth.max_neurons",
	"growth.min_ratio":          "a site that grows gains 8 neurons at least: leave it out",
	"growth.sites_per_event":    "up to six sites grow by measured gain: leave it out",
	"growth.trials":             "up to six sites are tried: leave it out",
	"growth.min_power":          "amplitudes from 2^-6 to 2^12 are tried: leave it out",
	"growth.max_power":          "amplitudes from 2^-6 to 2^12 are tried: leave it out",
	"growth.apply_update":       "the refit changes existing weights: leave it out",
	"growth.outgoing":           "random neurons begin with outgoing weights of zero, which was best: leave it out",
	"growth.beyond":             "the gate counts all that a neuron's refit gains: leave it out",
	"growth.max_events":         "set growth.until or a budget",
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
