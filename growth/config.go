package growth

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"sort"
)

// The policies.
const (
	PolicyNone    = "none"               // never grows
	PolicyTiny    = "tiny"               // [tiny]: neurons that open the bottleneck, amplitude by search, a gate that may refuse
	PolicyWhole   = "tiny-no-projection" // the same for the whole desired update V instead of V_proj
	PolicyFisher  = "tiny-fisher"        // the same in the metric of G at the outputs: invariant to how z is parametrised
	PolicyZeroOut = "zero-out"           // tiny's incoming weights, outgoing weights zero
	PolicyGradMax = "gradmax"            // [gradmax]: neurons whose incoming weights get the largest gradient
	PolicyRandom  = "random"             // random incoming weights, outgoing weights zero
	PolicyNet2Net = "net2net"            // copies of neurons that share their outgoing weights: the function is preserved
)

// Where an event grows.
const (
	WhereGain       = "gain"        // at the sites of the best gain per parameter
	WhereRoundRobin = "round_robin" // at one site after the other
)

// Kernels of new outgoing connections.
const (
	KernelsCentre = "centre" // only the middle of the kernel, so that k neurons have rank k
	KernelsFull   = "full"   // all offsets
)

// How an amplitude acts on a neuron.
const (
	ScaleEqual = "equal" // the root of it on incoming and outgoing weights, as in [tiny]
	ScaleUnit  = "unit"  // on the outgoing weights; incoming ones give pre-activations of size one
)

// Config says where, when and how much to grow. The zero value is invalid;
// start from Default.
type Config struct {
	// Preset, one of Presets or empty, is where the other values come from that
	// were not given; it decides nothing here.
	Preset string `json:"preset" yaml:"preset"`

	Policy  string `json:"policy" yaml:"policy"`   // one of Policies
	Where   string `json:"where" yaml:"where"`     // gain or round_robin
	Kernels string `json:"kernels" yaml:"kernels"` // centre or full

	// An event is due every EverySteps steps, or every EveryEpochs epochs if
	// that is above 0, up to the part Until of the run's steps.
	EverySteps  int     `json:"every_steps" yaml:"every_steps"`
	EveryEpochs int     `json:"every_epochs" yaml:"every_epochs"`
	Until       float64 `json:"until" yaml:"until"`

	// When to put an event off that is due; zero means never. Plateau waits until
	// the mean training loss between two times that one is due falls by less than
	// this part of it; MaxGap while the loss of the last evaluation (on the validation samples, if the run holds some out, else on the test samples) is above
	// the training loss by more than this (the network has too many neurons
	// rather than too few). MinBottleneck leaves sites alone that cannot express
	// less than this part of the desired update.
	Plateau       float64 `json:"plateau" yaml:"plateau"`
	MaxGap        float64 `json:"max_gap" yaml:"max_gap"`
	MinBottleneck float64 `json:"min_bottleneck" yaml:"min_bottleneck"`

	// Samples of an event, from the training set, disjoint: for statistics, for
	// signs and moments of the new neurons, for amplitudes and the gate.
	StatisticsSamples int `json:"statistics_samples" yaml:"statistics_samples"`
	NewbornSamples    int `json:"newborn_samples" yaml:"newborn_samples"`
	AmplitudeSamples  int `json:"amplitude_samples" yaml:"amplitude_samples"`

	// Ridge is added to the covariance of a site's inputs, on the scale where their
	// squares have mean one, when its neurons are sought: those in directions in
	// which inputs hardly vary need large weights, and train badly. With 0 they are
	// those of [tiny].
	Ridge float64 `json:"ridge" yaml:"ridge"`

	// Precision ends the statistics early, in steps of two from an eighth of their
	// samples, once the share of the desired update that a site cannot express
	// differs by no more between samples that its best update was made for and
	// others. Zero reads all of them.
	Precision float64 `json:"precision" yaml:"precision"`

	// A site gains at most MaxNeurons in an event, and at most MaxRatio times
	// its width, but MinNeurons are always allowed. A site that grows gains at
	// least MinNeurons and MinRatio times its width, within its limits: where too few
	// directions stand out, random ones come with outgoing weights of zero, as room
	// to train in.
	MaxNeurons    int     `json:"max_neurons" yaml:"max_neurons"`
	MinNeurons    int     `json:"min_neurons" yaml:"min_neurons"`
	MaxRatio      float64 `json:"max_ratio" yaml:"max_ratio"`
	MinRatio      float64 `json:"min_ratio" yaml:"min_ratio"`
	SitesPerEvent int     `json:"sites_per_event" yaml:"sites_per_event"` // at most; one for round_robin
	// Together lets the other sites that have a bottleneck grow with those that
	// pass the gate, for no more computation than the costliest of these, by random
	// neurons with outgoing weights of zero, if the measured gain pays for all.
	Together bool `json:"together" yaml:"together"`
	Trials   int  `json:"trials" yaml:"trials"` // sites whose amplitude is searched, best predicted first

	// Amplitudes are tried from 2^MinPower to 2^MaxPower in steps of 4, then at
	// the factors of two about the best.
	MinPower int `json:"min_power" yaml:"min_power"`
	MaxPower int `json:"max_power" yaml:"max_power"`
	// Scale says how an amplitude acts: on both sides of a neuron (equal), or on
	// its outgoing weights, its pre-activation having size one (unit).
	Scale string `json:"scale" yaml:"scale"`
	// Refit replaces the outgoing weights by the joint least squares of the
	// desired update on the existing and the new activations as they are
	// measured; its change of the existing weights is applied too.
	Refit bool `json:"refit" yaml:"refit"`
	// ApplyUpdate also applies the best update dW* of the existing weights, at
	// the same amplitude.
	ApplyUpdate bool `json:"apply_update" yaml:"apply_update"`
	// Blind says what happens at a site where the solver finds nothing: refuse,
	// random (try random neurons where the bottleneck has no part that is linear
	// in the inputs), or noise (and where that part does not stand out from noise).
	Blind string `json:"blind" yaml:"blind"`

	// Outgoing says how random neurons are connected that no solver gave outgoing
	// weights: zero, pairs, or variance (for the policy random alone, because it
	// changes what the network computes). Those of the others are zero in any case.
	Outgoing string `json:"outgoing" yaml:"outgoing"`

	// Beyond makes the gate count only what neurons gain beyond the best update of
	// the existing weights, which is then measured too.
	Beyond bool `json:"beyond" yaml:"beyond"`

	// The gate: the measured gain must be at least Significance standard errors,
	// at least Price for each new parameter, and at least ComputePrice times the
	// part of a sample's FLOPs that would be theirs. With a Significance of 0 nor
	// must lambdas stand out from noise or derivatives beat their errors.
	Significance float64 `json:"significance" yaml:"significance"`
	Price        float64 `json:"price" yaml:"price"`
	ComputePrice float64 `json:"compute_price" yaml:"compute_price"`

	// SamplesPerParam, of policies with a gate, is how many samples the run must have left to train on for
	// each parameter that the network would have.
	SamplesPerParam float64 `json:"samples_per_param" yaml:"samples_per_param"`

	// Stop rules; zero means no limit. Widths are target widths by site.
	MaxWidth    int            `json:"max_width" yaml:"max_width"`
	Widths      map[SiteID]int `json:"widths" yaml:"widths"`
	MaxParams   int            `json:"max_params" yaml:"max_params"`
	MaxFLOPs    int64          `json:"max_flops" yaml:"max_flops"` // of one sample's forward pass
	MaxEvents   int            `json:"max_events" yaml:"max_events"`
	MaxRefusals int            `json:"max_refusals" yaml:"max_refusals"` // in a row

	// Depth, of residual networks. An event appends an empty block, which is the
	// identity until it grows, to a stage: every DepthEvery events, or once no
	// site of a stage has grown in DepthAfter events in a row for reasons of its
	// own (limits, no bottleneck, the gate). Zero means never. DepthBlocks is
	// how many blocks are appended in all; zero means no limit.
	DepthEvery  int `json:"depth_every" yaml:"depth_every"`
	DepthAfter  int `json:"depth_after" yaml:"depth_after"`
	DepthBlocks int `json:"depth_blocks" yaml:"depth_blocks"`

	// Follow is for how many steps after an event its new neurons are followed;
	// the metrics then say which are dead. Zero means not at all.
	Follow int `json:"follow" yaml:"follow"`

	// WarmUp is over how many steps after an event the learning rate of its new
	// neurons rises to that of the others. Zero means not at all.
	WarmUp int `json:"warm_up" yaml:"warm_up"`

	// DryRun decides and journals, and changes nothing.
	DryRun bool `json:"dry_run" yaml:"dry_run"`
}

// Default returns the policy tiny with a gate, an event every 350 steps during
// the first three quarters of the run.
func Default() Config {
	return Config{
		Policy: PolicyTiny, Where: WhereGain, Kernels: KernelsCentre,
		EverySteps: 350, Until: 0.75,
		StatisticsSamples: 512, NewbornSamples: 256, AmplitudeSamples: 512,
		MaxNeurons: 32, MinNeurons: 8, MaxRatio: 1, SitesPerEvent: 6, Trials: 6, Together: true,
		MinPower: -6, MaxPower: 12, Scale: ScaleUnit, Ridge: 1, Refit: true, Blind: BlindNoise, Outgoing: OutgoingZero,
		Significance: 1, Price: 1e-7, ComputePrice: 0.002, SamplesPerParam: 4,
		MaxRefusals: 8, Follow: 10,
	}
}

// Validate returns all faults at once (errors.Join), or nil.
func (c Config) Validate() error {
	var faults []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			faults = append(faults, fmt.Errorf(format, args...))
		}
	}
	oneOf := func(name, v string, allowed ...string) {
		for _, a := range allowed {
			if v == a {
				return
			}
		}
		check(false, "%s %q: must be one of %q", name, v, allowed)
	}
	between := func(name string, v, lo, hi int) {
		check(v >= lo && v <= hi, "%s %d: must be %d to %d", name, v, lo, hi)
	}
	within := func(name string, v, lo, hi float64) {
		check(v >= lo && v <= hi, "%s %v: must be %v to %v", name, v, lo, hi)
	}
	oneOf("preset", c.Preset, append([]string{""}, slices.Sorted(maps.Keys(Presets()))...)...)
	oneOf("policy", c.Policy, Policies()...)
	oneOf("where", c.Where, WhereGain, WhereRoundRobin)
	oneOf("kernels", c.Kernels, KernelsCentre, KernelsFull)
	oneOf("scale", c.Scale, ScaleEqual, ScaleUnit)
	oneOf("blind", c.Blind, BlindRefuse, BlindRandom, BlindNoise)
	oneOf("outgoing", c.Outgoing, OutgoingZero, OutgoingPairs, OutgoingVariance)
	check(c.Outgoing != OutgoingVariance || c.Policy == PolicyRandom, "outgoing %q: changes what the network computes, which only the policy random may: set outgoing to zero or pairs, or the policy to random", c.Outgoing)
	const many = math.MaxInt32
	between("every_steps", c.EverySteps, 0, many)
	between("every_epochs", c.EveryEpochs, 0, many)
	check(c.Policy == PolicyNone || c.EverySteps > 0 || c.EveryEpochs > 0, "every_steps and every_epochs are 0: one must be above 0")
	within("until", c.Until, 0, 1)
	within("plateau", c.Plateau, 0, 1)
	within("max_gap", c.MaxGap, 0, 1e6)
	within("min_bottleneck", c.MinBottleneck, 0, 1)
	between("statistics_samples", c.StatisticsSamples, 1, many)
	between("newborn_samples", c.NewbornSamples, 1, many)
	between("amplitude_samples", c.AmplitudeSamples, 1, many)
	within("precision", c.Precision, 0, 1)
	between("max_neurons", c.MaxNeurons, 1, 1<<16)
	between("min_neurons", c.MinNeurons, 1, 1<<16)
	check(c.MinNeurons <= c.MaxNeurons, "min_neurons %d: must be at most max_neurons %d", c.MinNeurons, c.MaxNeurons)
	within("max_ratio", c.MaxRatio, 0, 1e6)
	within("min_ratio", c.MinRatio, 0, 1e6)
	between("sites_per_event", c.SitesPerEvent, 1, maxSites)
	between("trials", c.Trials, 1, maxCandidates)
	between("min_power", c.MinPower, -60, 30)
	between("max_power", c.MaxPower, c.MinPower, c.MinPower+maxAmplitudes-1)
	within("significance", c.Significance, 0, 1e6)
	within("price", c.Price, 0, 1e6)
	within("ridge", c.Ridge, 0, 1e6)
	within("samples_per_param", c.SamplesPerParam, 0, 1e9)
	within("compute_price", c.ComputePrice, 0, 1e6)
	between("max_width", c.MaxWidth, 0, many)
	between("max_params", c.MaxParams, 0, many)
	between("follow", c.Follow, 0, many)
	between("warm_up", c.WarmUp, 0, many)
	between("depth_every", c.DepthEvery, 0, many)
	between("depth_after", c.DepthAfter, 0, many)
	between("depth_blocks", c.DepthBlocks, 0, many)
	check(c.MaxRefusals == 0 || c.DepthAfter <= c.MaxRefusals, "depth_after %d: growth ends after max_refusals %d events in a row: raise that", c.DepthAfter, c.MaxRefusals)
	check(c.MaxFLOPs >= 0, "max_flops %d: must be at least 0", c.MaxFLOPs)
	between("max_events", c.MaxEvents, 0, many)
	between("max_refusals", c.MaxRefusals, 0, many)
	var sites []string
	for id := range c.Widths {
		sites = append(sites, string(id))
	}
	sort.Strings(sites)
	for _, id := range sites {
		between("widths of "+id, c.Widths[SiteID(id)], 0, many)
	}
	return errors.Join(faults...)
}

// Policies returns the names of all policies.
func Policies() []string {
	return []string{PolicyTiny, PolicyWhole, PolicyFisher, PolicyZeroOut, PolicyGradMax, PolicyRandom, PolicyNet2Net, PolicyNone}
}

// solves reports whether the policy looks for the bottleneck.
func (c Config) solves() bool {
	switch c.Policy {
	case PolicyTiny, PolicyWhole, PolicyFisher, PolicyZeroOut:
		return true
	}
	return false
}

// gated reports whether neurons must prove a gain before they are taken.
func (c Config) gated() bool {
	return c.Policy == PolicyTiny || c.Policy == PolicyWhole || c.Policy == PolicyFisher
}

// takesTurns reports whether one site after the other grows.
func (c Config) takesTurns() bool {
	return c.Where == WhereRoundRobin || c.Policy == PolicyRandom || c.Policy == PolicyNet2Net
}

// refits reports whether outgoing weights are fitted again. The refit knows
// only the plain metric.
func (c Config) refits() bool { return c.Refit && c.Policy != PolicyFisher }

// Presets returns named configurations: best is Default; paper is algorithm 1
// of [tiny], one site after the other up to target widths (Widths or MaxWidth),
// amplitudes on both sides, no refit, and no gate but that the loss must fall.
func Presets() map[string]Config {
	best, paper := Default(), Default()
	best.Preset, paper.Preset = "best", "paper"
	paper.Where, paper.SitesPerEvent, paper.Scale, paper.Refit = WhereRoundRobin, 1, ScaleEqual, false
	paper.Blind, paper.Together, paper.Ridge = BlindRefuse, false, 0
	paper.Significance, paper.Price, paper.ComputePrice, paper.SamplesPerParam, paper.MaxRefusals = 0, 0, 0, 0, 0
	return map[string]Config{"best": best, "paper": paper}
}

// History is what the schedule remembers of past events.
type History struct {
	Events   int    `json:"events"`
	Grown    int    `json:"grown"`     // events that grew
	Refusals int    `json:"refusals"`  // in a row
	LastSite SiteID `json:"last_site"` // the last to have its turn, for round robin
	LastStep uint64 `json:"last_step"`
	Blocks   int    `json:"blocks,omitempty"` // appended
	// Idle counts, by site, the events in a row at which it was refused.
	Idle map[SiteID]int `json:"idle,omitempty"`
}

// After returns the history once the event of r is over.
func (h History) After(r *Record) History {
	h.Events++
	h.LastStep = r.Step
	h.Refusals++
	if len(r.Grown) > 0 || r.Deepened != nil {
		h.Grown++
		h.Refusals = 0
	}
	if r.Deepened != nil {
		h.Blocks++
	}
	h.Idle = idleAfter(h.Idle, r)
	if r.Turn != "" {
		h.LastSite = r.Turn
	}
	return h
}

// idleAfter counts on; sites that had to wait keep their count.
func idleAfter(before map[SiteID]int, r *Record) map[SiteID]int {
	idle := map[SiteID]int{}
	for _, s := range r.Sites {
		switch {
		case s.Waits:
			idle[s.Site] = before[s.Site]
		case s.Reason != "":
			idle[s.Site] = before[s.Site] + 1
		}
		if idle[s.Site] == 0 {
			delete(idle, s.Site)
		}
	}
	return idle
}
