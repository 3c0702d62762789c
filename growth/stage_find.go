package growth

import (
	"fmt"
	"math"
	"slices"
	"sort"

	"github.com/tinygrow/tinygrow/growth/measure"
	"github.com/tinygrow/tinygrow/growth/site"
)

// find allots samples to the rounds and finds the sites that the limits let grow.
// A sparing event leaves samples to train with (Fixed.SamplesPerParam).
//
// Of streams it takes those that growth.widths names, and of others only whole takes
// them: networks of earlier versions grow as they did. A policy whose neurons are made
// for chains alone leaves streams out, with the reason.
type find struct {
	sparing bool
	streams bool // the policy's neurons fit streams
	whole   bool // streams take part that no target names, but for heads
}

func (*find) Ask(*State) *Round { return nil }

func (f *find) Take(s *State, _ *measure.Sums) {
	var ok bool
	if s.samples, ok = allot(s.Info, s.fixed.Samples); !ok {
		s.refuse(fmt.Sprintf("%d training samples are too few for an event of micro-shards of %d", s.Info.TrainSamples, s.Info.MicroShard))
		return
	}
	s.sparing = f.sparing
	s.Record.Samples = Samples{s.samples.statistics.Count, s.samples.newborn.Count, s.samples.amplitude.Count}
	g := s.Model.Graph
	sites := f.sites(s)
	s.Record.Sites = make([]SiteRecord, len(sites))
	for i, l := range sites {
		c := &prospect{Layout: l, record: &s.Record.Sites[i]}
		reason := s.limit(c)
		if l.Stream && !f.streams && reason == "" {
			reason = fmt.Sprintf("a stream of %d writers and %d readers: the policy %s makes neurons for one of each",
				len(l.Writers), len(l.Readers), s.Settings.Policy)
			if why := l.Unsolved(g); why != "" {
				reason += "; " + why
			}
		}
		*c.record = SiteRecord{Site: l.ID, Second: string(l.Second), Width: l.Width(g), Inputs: l.Inputs(), Outputs: l.AllOutputs(),
			Cap: c.cap, Spectrum: []Number{}, Reason: reason}
		if reason == "" {
			s.sites = append(s.sites, c)
		}
	}
	if len(s.sites) == 0 {
		why := "no site may grow"
		if len(sites) > 0 {
			why += ": " + s.Record.Sites[0].Reason
		}
		s.refuse(why)
	}
}

// sites returns those that take part.
func (f *find) sites(s *State) []site.Layout {
	all, err := site.Layouts(s.Model.Graph)
	if err != nil {
		panic("growth: an invalid graph")
	}
	return slices.DeleteFunc(all, func(l site.Layout) bool {
		_, named := s.Settings.Widths[l.ID]
		return l.Stream && !named && !(f.whole && l.Heads == "")
	})
}

// allot gives each part of an event its own samples, whole micro-shards, fewer
// than configured if the training set is small.
func allot(info EventInfo, c Samples) (r ranges, ok bool) {
	train, shard := info.TrainSamples, info.MicroShard
	want := [3]int{c.Statistics, c.Newborn, c.Amplitude}
	total := 0
	for i := range want {
		want[i] = (want[i] + shard - 1) / shard * shard
		total += want[i]
	}
	offset := 0
	for i, part := range []*SampleRange{&r.statistics, &r.newborn, &r.amplitude} {
		n := want[i]
		if total > train {
			n = max(shard, int(int64(n)*int64(train)/int64(total))/shard*shard)
		}
		*part = SampleRange{offset, n}
		offset += n
	}
	return r, offset <= train
}

// limit sets how many neurons a site may gain and what one costs, and returns why
// it may gain none.
func (s *State) limit(c *prospect) (reason string) {
	set, width := &s.Settings, c.Width(s.Model.Graph)
	c.cost, c.flops = c.ParamsPerNeuron(), c.FLOPsPerNeuron()
	most := min(set.MaxNeurons, max(s.fixed.MinNeurons, width)) // at most twice as wide
	lower := func(room int, why string) {
		if room < most {
			most, reason = room, why
		}
	}
	if set.MaxWidth > 0 {
		lower(set.MaxWidth-width, fmt.Sprintf("width %d: the limit is %d", width, set.MaxWidth))
	}
	if target, ok := set.Widths[c.ID]; ok {
		lower(target-width, fmt.Sprintf("width %d: the target is %d", width, target))
	}
	with := func(n int) string {
		if c.Stream { // a layer that reads and writes it makes the cost of a neuron grow
			g := s.Model.Graph.Clone()
			c.Gain(g, n)
			return s.tooLarge(g.NumParams(), g.FLOPs())
		}
		return s.tooLarge(s.Record.ParamsBefore+n*c.cost, s.Record.FLOPsBefore+int64(n)*c.flops)
	}
	if why := with(most); why != "" {
		lower(sort.Search(most, func(n int) bool { return with(n+1) != "" }), with(1))
	}
	if !c.Connected() {
		lower(0, "it connects to nothing")
	}
	if most > 0 {
		c.cap = most
		return ""
	}
	return reason
}

// turn leaves only the site whose turn it is: the first after the last that had
// its turn. The journal calls it by name, if it has one.
type turn struct{ name string }

func (*turn) Ask(*State) *Round { return nil }

func (t *turn) Take(s *State, _ *measure.Sums) {
	if t.name != "" {
		s.Record.Where = t.name
	}
	all, first := s.Record.Sites, 0
	for i, r := range all {
		if r.Site == s.Info.History.LastSite {
			first = i + 1
		}
	}
	for i := range all {
		if r := all[(first+i)%len(all)]; r.Reason == "" {
			s.Record.Turn = r.Site
			break
		}
	}
	for _, c := range s.sites {
		if c.ID != s.Record.Turn {
			c.record.Reason, c.record.Waits = "not its turn", true
		}
	}
	s.drop()
}

// left returns how many samples a network of that size, in FLOPs of a sample's
// forward pass, has left to train on.
func (i EventInfo) left(flops int64) float64 {
	left := math.Inf(1)
	if i.SamplesLeft > 0 {
		left = i.SamplesLeft
	}
	if i.FLOPsLeft > 0 {
		left = min(left, i.FLOPsLeft/math.Max(float64(flops), 1))
	}
	return left
}
