package plan

import (
	"fmt"
	"math"
	"slices"

	"github.com/zeebo/xxh3"

	"github.com/tinygrow/tinygrow/proto"
)

// audits reports whether a block is one of those that two workers, of different
// keys where there are several, compute.
func (p *Plan) audits(b proto.Block) bool {
	if p.cfg.Audit <= 0 || p.voices() < 2 {
		return false
	}
	h := xxh3.HashString(fmt.Sprint(p.round.Kind, p.round.Step, b))
	return p.cfg.Audit >= 1 || float64(h) < p.cfg.Audit*math.MaxUint64
}

// disputes reports whether there is a dispute in the round.
func (p *Plan) disputes() bool {
	return slices.ContainsFunc(p.round.pending, func(b proto.Block) bool { return p.round.blocks[b].disputed })
}

// dispute begins one over block b, whose last claim differs from one before. The
// round does not end before it is decided, and who takes part gets no shares.
func (p *Plan) dispute(at proto.Block, b *block, e Partial) {
	if b.disputed {
		return
	}
	b.disputed, p.round.open, p.round.several = true, true, true
	if !slices.Contains(p.round.pending, at) {
		p.round.pending = append(p.round.pending, at)
	}
	first := b.others(e.Digest)[0]
	p.say(Alarm{first, e.Worker, e.Round, at,
		"the same block gave two different sums, so one of these workers computes wrongly; a third is to decide"})
	p.suspect()
}

// suspect marks the workers that take part in a dispute. Their other blocks go to others.
func (p *Plan) suspect() {
	suspects := map[proto.WorkerID]bool{}
	for _, b := range p.round.pending {
		if x := p.round.blocks[b]; x.disputed {
			for _, c := range x.claims {
				suspects[c.worker] = true
			}
		}
	}
	for _, w := range p.order {
		if w.suspect = suspects[w.id]; !w.suspect {
			continue
		}
		for _, h := range slices.Clone(w.held) {
			if !p.round.blocks[h.block].disputed {
				p.unhand(w, h.block)
			}
		}
	}
}

// unhand takes a block out of a worker's hands; if nobody else has it, it is free.
func (p *Plan) unhand(w *worker, at proto.Block) {
	w.held = slices.DeleteFunc(w.held, func(h held) bool { return h.block == at })
	b := p.round.blocks[at]
	b.holders = slices.DeleteFunc(b.holders, func(id proto.WorkerID) bool { return id == w.id })
	if len(b.holders) == 0 && len(b.claims) == 0 {
		p.release(at)
	}
}

// condemn puts workers into quarantine. If a partial is folded that only they
// vouch for, the round begins anew.
func (p *Plan) condemn(wrong []proto.WorkerID, why string) {
	for _, id := range wrong {
		p.banish(id, why)
	}
	redo := false
	for at, b := range p.round.blocks {
		b.drop(func(id proto.WorkerID) bool { return p.Quarantined(id) != "" })
		switch {
		case b.by != "":
			redo = redo || b.votes(b.digest) == 0
		case len(b.holders) == 0 && len(b.claims) == 0:
			p.release(at)
		}
	}
	if redo {
		p.redo(fmt.Sprintf("sums of %s are in it", join(wrong)))
		return
	}
	p.reconcile()
}

// reconcile ends the disputes of which only one side is left.
func (p *Plan) reconcile() {
	for _, at := range slices.Clone(p.round.pending) {
		b := p.round.blocks[at]
		if !b.disputed || len(b.claims) > 0 && len(b.others(b.claims[0].digest)) > 0 {
			continue
		}
		b.disputed, b.lonely = false, 0
		if b.by != "" {
			p.settled(at, b)
		} else { // the claim left waits for one that equals it
			b.audited, p.round.several = true, true
		}
	}
	p.suspect()
}

// redo begins the round anew: no partial so far counts.
func (p *Plan) redo(why string) {
	p.say(Redo{p.round.Round, why})
	p.openRound(p.round.Open)
	p.suspect()
}

// settled says that nothing more is wanted of a folded block.
func (p *Plan) settled(at proto.Block, b *block) {
	p.round.pending = slices.DeleteFunc(p.round.pending, func(x proto.Block) bool { return x == at })
	for _, id := range slices.Clone(b.holders) {
		p.unhand(p.workers[id], at)
	}
}

// wanted returns a block that w should compute beside others: to decide a
// dispute, or else for an audit.
func (p *Plan) wanted(w *worker, disputed bool) (at proto.Block, why string, ok bool) {
	if !p.round.several {
		return proto.Block{}, "", false
	}
	for _, at := range p.round.pending {
		b := p.round.blocks[at]
		if b.disputed != disputed || b.copies() <= 0 || !p.fit(w, b) {
			continue
		}
		if disputed {
			return at, "to decide between " + join(claimants(b)), true
		}
		return at, "to be computed by two", true
	}
	return proto.Block{}, "", false
}

func claimants(b *block) []proto.WorkerID {
	var list []proto.WorkerID
	for _, c := range b.claims {
		list = append(list, c.worker)
	}
	return list
}

// fit reports whether w is one of the best to compute a block that others
// compute too: one that keeps up, on another host than theirs.
func (p *Plan) fit(w *worker, b *block) bool {
	mine := p.fitness(w, b)
	return mine > 0 && !slices.ContainsFunc(p.order, func(x *worker) bool { return p.fitness(x, b) > mine })
}

// checkable reports whether somebody is here to compute a block that others have
// computed. A doubt that nobody can settle holds up nothing.
func (p *Plan) checkable(b *block) bool {
	return slices.ContainsFunc(p.order, func(w *worker) bool { return p.fitness(w, b) > 0 || p.holds(b, w.id) && !p.claimed(b, w.id) })
}

// fitness is 0 for one that has computed the block or is at it.
func (p *Plan) fitness(w *worker, b *block) int {
	if p.claimed(b, w.id) || p.holds(b, w.id) || w.suspect && !b.disputed {
		return 0
	}
	n := 1
	if w.bench == 0 && !w.silent && w.threads > 0 {
		n += 2
	}
	for _, id := range append(claimants(b), b.holders...) {
		if x := p.workers[id]; x != nil && x.joined.Host == w.joined.Host {
			return n
		}
	}
	return n + 1
}

// undecidable looks for blocks that need another worker where there is none. An
// audit is called off; a dispute waits for as long as a lost worker is waited for.
func (p *Plan) undecidable(now Time) {
	if !p.round.several {
		return
	}
	for i := len(p.round.pending) - 1; i >= 0; i-- { // release takes the one at hand out
		at := p.round.pending[i]
		b := p.round.blocks[at]
		if b.copies() <= 0 || len(b.holders) > 0 || slices.ContainsFunc(p.order, func(w *worker) bool { return p.fitness(w, b) > 0 }) {
			if b.lonely > 0 {
				b.lonely = 0
				p.say(Resumed{fmt.Sprintf("somebody is here to decide about block %s", at)})
			}
			continue
		}
		switch {
		case !b.disputed && !p.disputes():
			p.release(at)
		case b.disputed && b.lonely == 0:
			b.lonely = max(now, 1)
			p.say(Waiting{fmt.Sprintf("%s got different sums of block %s, and nobody else is here to decide", join(claimants(b)), at)})
		case b.disputed && now-b.lonely > p.cfg.LostAfter:
			p.say(Undecided{claimants(b), p.round.Round, at, "no third worker is here to decide"})
		}
	}
}
