package plan

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tinygrow/tinygrow/proto"
)

// serve answers as many waiting pulls as there is work for, in the order of admission.
func (p *Plan) serve(now Time) {
	if !p.round.open {
		return
	}
	if n := len(p.order); n < p.cfg.MinWorkers {
		if !p.waiting {
			p.waiting = true
			p.say(Waiting{fmt.Sprintf("%d of at least %d workers are here", n, p.cfg.MinWorkers)})
		}
		return
	}
	if p.waiting {
		p.waiting = false
		p.say(Resumed{fmt.Sprintf("%d workers are here", len(p.order))})
	}
	p.undecidable(now)
	p.round.late.known = false
	p.veterans = slices.ContainsFunc(p.order, func(w *worker) bool { return !w.out() })
	p.active = p.activeThreads()
	for _, w := range p.order { // before the others take all there is
		if p.veterans && w.pulling && p.round.free.left() > 0 && p.trial(w) {
			p.try(now, w)
		}
	}
	for _, w := range p.order {
		if w.pulling {
			p.offer(now, w)
		}
	}
}

// offer gives a pulling worker a block if there is one for it: its share of
// the free ones; or, when it is idle, a copy of one that is late elsewhere.
func (p *Plan) offer(now Time, w *worker) {
	r := &p.round
	if at, why, ok := p.wanted(w, true); ok && len(w.held) < 2 {
		p.assign(now, w, at, why)
		return
	}
	if w.suspect && len(w.held) == 0 {
		return
	}
	left, active := r.free.left(), p.active
	benched := w.threads == 0 || w.out() && p.veterans
	switch {
	case len(w.held) == 0 && left > 0 && !benched:
		share, why := r.free.left()*w.threads/active, "its share of what is left"
		if !w.served {
			share, why = int(r.MicroShards)*w.threads/active, "its share of the round"
		}
		b := r.free.take(p.clamp(share, w))
		p.assign(now, w, b, why)
	case len(w.held) == 1 && left >= active && !benched && w.served && !w.suspect:
		b := r.free.take(p.clamp(left*w.threads/(2*active), w))
		p.assign(now, w, b, "to have the next one ready; there is enough for all")
	case len(w.held) == 0:
		b, why, ok := p.wanted(w, false)
		if !ok {
			b, why, ok = p.late(now, w)
		}
		if ok {
			p.assign(now, w, b, why)
		}
	case now-w.held[0].since > p.limit(w.held[0].block, w.threads):
		p.again(now, w, 0, "nothing of it arrived in time; send it again if it is done")
	}
}

// again gives w a block that it holds already under a new task number.
func (p *Plan) again(now Time, w *worker, at int, why string) {
	b := w.held[at].block
	w.held = slices.Delete(w.held, at, at+1)
	p.assign(now, w, b, why)
}

// activeThreads returns the threads of the workers that get a share.
func (p *Plan) activeThreads() int {
	n := 0
	for _, w := range p.order {
		if !w.out() {
			n += w.threads
		}
	}
	if n == 0 { // all are slow: none is
		_, n = p.Workers()
	}
	return n
}

// clamp keeps w's share of n micro-shards between one per thread and the bound of a block.
// Of replicas it is no more than its threads compute at once: what is lost with a worker then
// costs the steps of these.
func (p *Plan) clamp(n int, w *worker) int {
	if p.round.replicas() {
		return max(1, min(n, w.threads/int(max(p.round.Shards, 1))))
	}
	bound := p.cfg.HeavyBlock
	if p.round.Light {
		bound = p.cfg.LightBlock
	}
	return max(w.threads, min(n, bound*w.threads))
}

func join(ids []proto.WorkerID) string {
	names := make([]string, len(ids))
	for i, id := range ids {
		names[i] = string(id)
	}
	return strings.Join(names, ", ")
}

// assign answers w's pull with b, which w holds from now on.
func (p *Plan) assign(now Time, w *worker, b proto.Block, why string) {
	w.task++
	w.pulling, w.served = false, true
	w.held = append(w.held, held{b, w.task, now})
	state := p.round.blocks[b]
	if state == nil {
		state = &block{audited: p.audits(b)}
		p.round.several = p.round.several || state.audited
		p.round.blocks[b] = state
		p.round.pending = append(p.round.pending, b)
	}
	if len(state.holders) > 0 || len(w.held) > 1 {
		p.round.late.known = false // it has another holder, or waits behind another block
	}
	if !slices.Contains(state.holders, w.id) {
		state.holders = append(state.holders, w.id)
	}
	p.say(Assign{w.id, p.round.Round, b, w.task, max(w.threads, 1), why})
}
