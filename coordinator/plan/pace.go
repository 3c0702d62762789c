package plan

import (
	"slices"

	"github.com/tinygrow/tinygrow/proto"
)

// pace remembers how long a micro-shard took lately.
type pace struct {
	recent [15]Time
	n      int  // learnt so far
	median Time // of the recent ones
}

func (p *pace) learn(d Time) {
	p.recent[p.n%len(p.recent)] = d
	p.n++
	n := min(p.n, len(p.recent))
	sorted := p.recent
	slices.Sort(sorted[:n])
	p.median = sorted[n/2]
}

// usual returns the median of the recent durations; ok is false before the first.
func (p *pace) usual() (d Time, ok bool) {
	return p.median, p.n > 0
}

// limit returns how long a block may take on a number of threads before it is overdue.
func (p *Plan) limit(b proto.Block, threads int) Time {
	usual, ok := p.paces[p.round.Kind].usual()
	if !ok {
		return p.cfg.LostAfter // no experience yet: only silence is suspicious
	}
	return Time(p.cfg.Overdue*float64(usual)*float64(p.round.waves(b, threads))) + p.cfg.Grace
}
