package plan

import "github.com/tinygrow/tinygrow/proto"

// A worker that has finished no block yet may never finish one. While others
// are there that have, it gets single micro-shards on trial, which others compute
// too as soon as they are idle: one that takes blocks and never sends costs the
// computing of one, now and then. Trials are counted by key, because whoever holds
// a key can join by many ids.

// trust is what the plan holds of the workers of one key that are on trial.
type trust struct {
	slots  int // how many may be tried in a round: twice as many after each success
	tried  int // trials of this round
	failed int // trials, less those that succeeded
	rest   int // rounds in which nobody is tried
	gone   int // rounds without a worker of the key
}

// maxRest bounds, as a power of two, the rounds for which a key rests.
const maxRest = 10

// trusts returns what is held of the key of a worker.
func (p *Plan) trusts(w *worker) *trust {
	t := p.keys[w.key()]
	if t == nil {
		t = &trust{slots: 1}
		p.keys[w.key()] = t
	}
	return t
}

// newTrials begins the count of a round. A key without workers is forgotten at
// once, or after as many rounds as it could have had to rest if its trials failed.
func (p *Plan) newTrials() {
	present := map[proto.Key]bool{}
	for _, w := range p.order {
		present[w.key()] = true
	}
	for key, t := range p.keys {
		t.tried, t.rest, t.gone = 0, max(t.rest-1, 0), t.gone+1
		if present[key] {
			t.gone = 0
		} else if t.failed == 0 || t.gone > 1<<maxRest {
			delete(p.keys, key)
		}
	}
}

// trial reports whether w may be tried now. A quarter of a round is given to
// those on trial at most.
func (p *Plan) trial(w *worker) bool {
	t := p.trusts(w)
	return !w.proved && w.bench == 0 && !w.silent && !w.suspect && w.threads > 0 && len(w.held) == 0 && !w.served &&
		t.rest == 0 && t.tried < t.slots && p.round.tried < max(int(p.round.MicroShards)/4, 1)
}

// try gives w a micro-shard.
func (p *Plan) try(now Time, w *worker) {
	b := p.round.free.take(1)
	p.trusts(w).tried++
	p.round.tried++
	p.assign(now, w, b, "one to begin with, because it has finished none yet")
	p.round.blocks[b].trial = true
}

// passed notes that w finished a block.
func (p *Plan) passed(w *worker) {
	if w.proved {
		return
	}
	w.proved = true
	t := p.trusts(w)
	t.slots, t.failed = 2*t.slots, max(t.failed-1, 0)
}

// failed notes that others finished what w had on trial, or that it went with it.
func (p *Plan) failed(w *worker, b proto.Block) {
	if w.proved || !p.round.blocks[b].trial {
		return
	}
	t := p.trusts(w)
	t.slots, t.failed = 1, min(t.failed+1, maxRest)
	t.rest = 1 << t.failed
}
