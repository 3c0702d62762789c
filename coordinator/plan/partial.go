package plan

import (
	"fmt"
	"slices"

	"github.com/tinygrow/tinygrow/proto"
)

func (p *Plan) partial(now Time, e Partial) {
	w := p.workers[e.Worker]
	if w != nil {
		w.heard = now
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
	case b == nil:
		ignore("nobody holds this block") // it was given back and cut anew; the new cut is on its way
		return
	case b.by == e.Worker:
		ignore("sent twice")
		return
	case b.by != "" && b.digest != e.Digest:
		p.say(Alarm{b.by, e.Worker, e.Round, e.Block, "the same block gave two different sums, so one of these workers computes wrongly"})
		return
	case b.by != "":
		ignore(fmt.Sprintf("%s was first", b.by))
		return
	}
	b.by, b.digest = e.Worker, e.Digest
	r.folded += int(e.Block.Len())
	r.pending = slices.DeleteFunc(r.pending, func(x proto.Block) bool { return x == e.Block })
	for _, id := range b.holders {
		p.done(now, p.workers[id], e.Block, id == e.Worker)
	}
	b.holders = nil
	p.say(Fold{e.Worker, e.Block, "first partial of its block"})
	if r.open && r.folded == int(r.MicroShards) {
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
		p.paces[p.round.Kind].learn((now - h.since) / Time(waves(b, w.threads)))
		return
	}
	if at == 0 && now-h.since > p.limit(b, w.threads) {
		w.strikes++
		w.bench = min(1<<min(w.strikes, 20), maxBench)
	}
}

// maxBench bounds how long a slow worker sits out before it is tried again;
// the round that opens next counts the bench down first, so one strike costs one round.
const maxBench = 64

// waves returns how many micro-shards one thread of a worker computes for b.
func waves(b proto.Block, threads int) int {
	threads = max(threads, 1)
	return (int(b.Len()) + threads - 1) / threads
}
