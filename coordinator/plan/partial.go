package plan

import (
	"fmt"
	"slices"

	"github.com/tinygrow/tinygrow/proto"
)

func (p *Plan) partial(now Time, e Odd) {
	w := p.workers[e.Worker]
	if w != nil {
		w.lives(now)
	}
	r := &p.round
	ignore := func(why string) { p.say(Ignore{e.Worker, e.Round, e.Block, why}) }
	switch {
	case e.Round != r.Round || r.blocks == nil:
		ignore(fmt.Sprintf("round %d is not the one at hand, %d", e.Round, r.Round))
		return
	case !e.Block.In(r.MicroShards):
		ignore("not a node of the tree")
		return
	}
	b := r.blocks[e.Block]
	switch {
	case p.Quarantined(e.Worker) != "":
		ignore("its worker is in quarantine")
		return
	case b == nil:
		ignore("nobody holds this block") // it was given back and cut anew; the new cut is on its way
		return
	case w != nil && w.suspect && !b.disputed && b.by == "":
		ignore("its worker takes part in a dispute that is not decided")
		return
	case e.Wrong != "":
		why := fmt.Sprintf("its sums of block %s of round %d cannot be: %s", e.Block, e.Round, e.Wrong)
		p.say(Wrong{e.Worker, e.Round, e.Block, e.Wrong})
		ignore("it cannot be")
		p.condemn([]proto.WorkerID{e.Worker}, why)
		return
	}
	before, again := p.claimOf(b, e.Worker)
	switch {
	case again && before.digest == e.Digest:
		p.finished(now, w, b, e.Block)
		ignore("sent twice")
		return
	case again:
		why := fmt.Sprintf("worker %s got two different sums of the same block %s of round %d", e.Worker, e.Block, e.Round)
		if before.worker != e.Worker {
			why = fmt.Sprintf("workers %s and %s of one key got different sums of the same block %s of round %d",
				before.worker, e.Worker, e.Block, e.Round)
		}
		p.say(Alarm{before.worker, e.Worker, e.Round, e.Block, why})
		ignore("its worker contradicts itself")
		p.condemn([]proto.WorkerID{e.Worker}, why)
		return
	}
	b.claims = append(b.claims, claim{e.Worker, e.Digest})
	p.finished(now, w, b, e.Block)
	if len(b.others(e.Digest)) > 0 {
		p.differs(now, b, e.Partial)
		return
	}
	if e.Doubt != "" && b.by == "" && !b.audited && p.checkable(b) {
		b.audited, p.round.several = true, true
		p.say(Doubt{e.Worker, e.Round, e.Block, e.Doubt})
	}
	switch {
	case b.by != "":
		ignore(fmt.Sprintf("%s was first", b.by))
	case !b.audited:
		p.fold(now, b, e.Partial, "first partial of its block")
	case len(b.claims) > 1:
		p.fold(now, b, e.Partial, "the same as that of "+string(b.claims[0].worker))
	default:
		ignore("it is folded when a second worker got the same")
	}
}

// finished takes a block that came out of the hands of w, if that holds it.
func (p *Plan) finished(now Time, w *worker, b *block, at proto.Block) {
	if w != nil && slices.Contains(b.holders, w.id) {
		p.done(now, w, at, true)
		b.holders = slices.DeleteFunc(b.holders, func(id proto.WorkerID) bool { return id == w.id })
	}
}

// differs takes a partial that is not what another worker got.
func (p *Plan) differs(now Time, b *block, e Partial) {
	p.dispute(e.Block, b, e)
	right, decided := b.right()
	if !decided {
		p.say(Ignore{e.Worker, e.Round, e.Block, "it is not decided which one is right"})
		return
	}
	wrong := b.others(right)
	why := fmt.Sprintf("its sums of block %s of round %d are not those that two other workers got", e.Block, e.Round)
	if e.Digest == right && b.by == "" {
		p.fold(now, b, e, "two workers got the same")
	} else {
		p.say(Ignore{e.Worker, e.Round, e.Block, "two workers agree"})
	}
	p.condemn(wrong, why)
}

// fold adds a partial to the reduction.
func (p *Plan) fold(now Time, b *block, e Partial, why string) {
	b.by, b.digest = e.Worker, e.Digest
	p.round.folded += int(e.Block.Len())
	for _, id := range b.holders {
		p.done(now, p.workers[id], e.Block, false)
	}
	b.holders = nil
	if !b.disputed {
		p.settled(e.Block, b)
	}
	p.say(Fold{e.Worker, e.Block, why})
}

// finish ends the round when all is folded and nothing disputed.
func (p *Plan) finish() {
	r := &p.round
	if r.open && r.folded == int(r.MicroShards) && !p.disputes() {
		r.open = false
		p.say(Complete{r.Round, fmt.Sprintf("all %d micro-shards are in", r.MicroShards)})
	}
}

// done takes a folded block out of a holder's hands and learns from it.
func (p *Plan) done(now Time, w *worker, b proto.Block, own bool) {
	at := slices.IndexFunc(w.held, func(h held) bool { return h.block == b })
	h := w.held[at]
	w.held = slices.Delete(w.held, at, at+1)
	if len(w.held) > 0 && at == 0 {
		w.held[0].since = now // the next one begins
	}
	if own {
		w.strikes = 0
		p.passed(w)
		p.paces[p.round.Kind].learn((now - h.since) / Time(p.round.waves(b, w.threads)))
		return
	}
	p.failed(w, b)
	if at == 0 && now-h.since > p.limit(b, w.threads) {
		w.strikes++
		w.silent = true
		w.bench = min(1<<min(w.strikes, 20), maxBench)
	}
}

// maxBench bounds how long a slow worker sits out before it is tried again;
// the round that opens next counts the bench down first, so one strike costs one round.
const maxBench = 64
