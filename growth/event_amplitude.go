package growth

import (
	"cmp"
	"fmt"
	"math"
	"slices"
)

// refineJoint multiplies the amplitudes found so far, between which the first
// search has gaps, and which may be too large for sites that grow together;
// refineOne is for a site that grows alone.
var (
	refineJoint = []float64{0.125, 0.25, 0.5, 1, 2}
	refineOne   = []float64{0.5, 1, 2}
)

// refine returns the factors to try.
func (e *Event) refine() []float64 {
	if len(e.chosen) == 1 {
		return refineOne
	}
	return refineJoint
}

// rank takes the sites of the best predicted gain per parameter to the trials.
func (e *Event) rank() {
	perParam := func(c *candidate) float64 { return float64(c.record.Predicted) / float64(max(c.record.Params, 1)) }
	order := slices.Clone(e.sites)
	slices.SortStableFunc(order, func(a, b *candidate) int { return cmp.Compare(perParam(b), perParam(a)) })
	n := min(e.cfg.Trials, len(order))
	if i := widestGap(order); i >= n && n > 1 {
		order = slices.Insert(slices.Delete(slices.Clone(order), i, i+1), n-1, order[i])
	}
	for _, c := range order[n:] {
		c.record.Reason, c.record.Waits = "others promise more per parameter", true
	}
	e.trials = order[:n]
	var fit []*candidate
	for _, c := range e.trials {
		if e.cfg.refits() || c.random {
			fit = append(fit, c)
		}
	}
	if len(fit) > 0 {
		e.askRefit(fit)
		return
	}
	e.askAmplitude()
}

// widestGap returns the place of the site with random neurons that has the
// largest bottleneck per parameter, -1 if there is none: nothing is predicted
// for it before the refit, so that it needs a trial of its own.
func widestGap(order []*candidate) int {
	best := -1
	perParam := func(c *candidate) float64 { return float64(c.record.Psi2) / float64(c.cost) }
	for i, c := range order {
		if c.random && (best < 0 || perParam(c) > perParam(order[best])) {
			best = i
		}
	}
	return best
}

// judge finds every trial's best amplitude and lets the gate decide.
func (e *Event) judge(sums []float64) {
	at := header
	var passed []*candidate
	e.record.Trials = make([]TrialRecord, len(e.trials))
	for i, c := range e.trials {
		c.trial = &e.record.Trials[i]
		*c.trial = TrialRecord{Sites: []SiteID{c.ID}, Params: c.more() * c.cost, FLOPs: int64(c.more()) * c.flops, Scan: c.with.scan}
		at += c.trial.search(c.with.amplitudes, sums[at:], sums[0], sums[3])
		if c.alone != nil {
			var alone TrialRecord
			at += alone.search(c.alone.amplitudes, sums[at:], sums[0], sums[3])
			c.trial.Without = alone.Gain
		}
		e.gate(c.trial)
		c.measured = c.trial.Gain
		if c.trial.Passed {
			passed = append(passed, c)
		} else {
			c.record.Reason = c.trial.Reason
		}
	}
	if len(passed) == 0 {
		e.refuse("no candidate passed the gate: " + e.record.Trials[0].Reason)
		return
	}
	perParam := func(c *candidate) float64 { return c.trial.own() / float64(c.trial.Params) }
	slices.SortStableFunc(passed, func(a, b *candidate) int { return cmp.Compare(perParam(b), perParam(a)) })
	e.chosen = e.affordable(passed)
	joint := Candidate{Amplitudes: e.refine()}
	for _, c := range e.chosen {
		joint.Insertions = append(joint.Insertions, c.kept.Scaled(float64(c.trial.Amplitude)))
	}
	e.ask(&Request{Kind: KindAmplitude, Candidates: []Candidate{joint}}, e.ranges[2], e.judgeJoint)
}

// more returns how many neurons the site would gain.
func (c *candidate) more() int { return c.kept.Count + c.spare.Count }

// affordable returns the leading sites that fit the limits on sites and on the
// whole network together.
func (e *Event) affordable(passed []*candidate) []*candidate {
	g := e.model.Graph.Clone()
	var out []*candidate
	for _, c := range passed {
		if len(out) >= e.cfg.SitesPerEvent {
			break
		}
		more := c.more()
		g.Node(c.First).Out += more
		if len(out) > 0 && e.tooLarge(g.NumParams(), g.FLOPs()) != "" {
			g.Node(c.First).Out -= more
			continue
		}
		out = append(out, c)
	}
	return out
}

// judgeJoint refines the amplitude, and compares growing all chosen sites with
// growing the first alone.
func (e *Event) judgeJoint(sums []float64) {
	r := &TrialRecord{}
	for _, c := range e.chosen {
		r.Sites = append(r.Sites, c.ID)
		r.Params += c.trial.Params
		r.FLOPs += c.trial.FLOPs
	}
	r.search(e.refine(), sums[header:], sums[0], sums[3])
	e.gate(r)
	e.record.Joint = r
	first := e.chosen[0]
	switch {
	case !r.Passed || r.Gain <= first.trial.Gain:
		why := fmt.Sprintf("%s has the best measured gain per parameter", first.ID)
		if len(e.chosen) > 1 {
			why = fmt.Sprintf("%s alone lowers the loss more than with others", first.ID)
		}
		e.chosen = e.chosen[:1]
		e.settle(1, first.trial.Gain, why)
	case len(e.chosen) == 1:
		first.measured = r.Gain
		e.settle(float64(r.Amplitude), r.Gain, fmt.Sprintf("%s has the best measured gain per parameter", first.ID))
	default:
		e.settle(float64(r.Amplitude), r.Gain, fmt.Sprintf("%d sites together lower the loss by %.3g", len(e.chosen), float64(r.Gain)))
	}
}

// search reads the sums of one candidate, fills in r and returns their number.
// The best amplitude is the one of the largest gain that is sure: less one
// standard error, the smaller of equals.
func (r *TrialRecord) search(amplitudes, sums []float64, n, shards float64) int {
	r.Curve = points(amplitudes, sums, n, shards)
	for _, p := range r.Curve {
		gain, err := float64(p.Gain), float64(p.Error)
		if sure := gain - err; gain > 0 && (r.Gain == 0 || sure > float64(r.Gain-r.Error)) && !math.IsInf(gain, 0) && !math.IsNaN(err) {
			r.Amplitude, r.Gain, r.Error = p.Amplitude, p.Gain, p.Error
		}
	}
	return len(amplitudes) * trialSums
}

// own returns the gain that the neurons make, beyond that of the existing weights.
func (r *TrialRecord) own() float64 { return float64(r.Gain - r.Without) }

// gate asks that the gain of the neurons beats its noise and pays for their parameters.
func (e *Event) gate(r *TrialRecord) {
	gain, price := r.own(), float64(e.cfg.Price*float64(r.Params))
	part := float64(r.FLOPs) / math.Max(float64(e.record.FLOPsBefore+r.FLOPs), 1)
	large := e.tooLarge(e.record.ParamsBefore+r.Params, e.record.FLOPsBefore+r.FLOPs)
	switch {
	case large != "":
		r.Reason = large
	case r.Gain <= 0:
		r.Reason = "no amplitude lowers the loss"
	case gain < e.cfg.Significance*float64(r.Error):
		r.Reason = fmt.Sprintf("gain %.3g is below %g standard errors of %.3g", gain, e.cfg.Significance, float64(r.Error))
	case gain < price:
		r.Reason = fmt.Sprintf("gain %.3g does not pay for %d parameters at %g each", gain, r.Params, e.cfg.Price)
	case gain < e.cfg.ComputePrice*part:
		r.Reason = fmt.Sprintf("gain %.3g does not pay for %s of the computation at %g for all of it", gain, percent(part), e.cfg.ComputePrice)
	default:
		r.Passed = true
		r.Reason = fmt.Sprintf("gain %.3g is %.1f standard errors", gain, gain/math.Max(float64(r.Error), 1e-300))
	}
}

// standardError returns that of the mean difference: the larger of what the
// spread over samples and the spread over micro-shards say (samples of one
// micro-shard are not independent under batch normalisation).
func standardError(s []float64, n, shards float64) float64 {
	var samples, between float64
	if n > 1 {
		samples = math.Sqrt(math.Max(0, s[1]-s[0]*s[0]/n)*n/(n-1)) / n
	}
	if shards >= 8 {
		between = math.Sqrt(math.Max(0, s[2]-s[0]*s[0]/shards)*shards/(shards-1)) / n
	}
	return math.Max(samples, between)
}

// settle grows the chosen sites at their own amplitudes times factor.
func (e *Event) settle(factor float64, gain Number, why string) {
	for _, c := range e.trials {
		if c.record.Reason == "" && !slices.Contains(e.chosen, c) {
			c.record.Reason, c.record.Waits = "it passed the gate, but others gain more", true
		}
	}
	var ins []Insertion
	for _, c := range e.chosen {
		own := float64(c.trial.Amplitude)
		in := c.join(c.kept.Scaled(own).Scaled(factor), c.spare)
		c.kept = in
		ins = append(ins, in)
		predicted := float64(c.record.Predicted)
		if c.record.Refit > 0 {
			predicted = float64(c.record.Refit)
		}
		e.grown(c, float64(own*factor), float64(predicted*own*factor), float64(c.measured))
	}
	if companions := e.companions(gain); len(companions) > 0 {
		e.askMoments(ins, companions, why)
		return
	}
	e.grow(ins, why)
}

// grown journals the growth of one site.
func (e *Event) grown(c *candidate, amplitude, predicted, measured float64) {
	width := c.width(e.model.Graph)
	g := GrownRecord{Site: c.ID, Unit: c.unit(e.model.Graph), From: width, To: width + c.kept.Count, Share: c.record.Share,
		Predicted: Number(predicted), Measured: Number(measured), Amplitude: Number(amplitude), Params: c.kept.Count * c.cost}
	g.Sentence = g.sentence(e.cfg.Policy, e.cfg.Outgoing)
	if c.random {
		g.Sentence += fmt.Sprintf(", chosen among %d: the solver found none that stands out", c.record.Tried)
	}
	e.record.Grown = append(e.record.Grown, g)
}

// join returns the neurons of both insertions, first ones first.
func (c *candidate) join(first, second Insertion) Insertion {
	area := c.second.area()
	out := c.empty(first.Count + second.Count)
	out.Fixed, out.Update = first.Fixed, first.Update
	copy(out.Alpha[copy(out.Alpha, first.Alpha):], second.Alpha)
	copy(out.Mean[copy(out.Mean, first.Mean):], second.Mean)
	copy(out.Var[copy(out.Var, first.Var):], second.Var)
	for o := range c.outputs {
		dst := out.Omega[o*out.Count*area:]
		copy(dst, first.Omega[o*first.Count*area:][:first.Count*area])
		copy(dst[first.Count*area:], second.Omega[o*second.Count*area:][:second.Count*area])
	}
	return out
}
