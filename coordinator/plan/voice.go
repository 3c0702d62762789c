package plan

import (
	"fmt"
	"slices"

	"github.com/tinygrow/tinygrow/proto"
)

// voice is who answers for sums: the key that a worker joined with, or the worker
// itself as long as all came with the same key. Where two workers got different
// sums of a block, and where an audit wants two that agree, voices count: whoever
// holds a key can join by many ids, but has one voice as soon as anybody else is
// here. Workers of one key still find each other's faults.
type voice string

// voiceOf returns the voice of a worker.
func (p *Plan) voiceOf(id proto.WorkerID) voice {
	if p.several {
		return voiceOfKey(id)
	}
	return voice(id)
}

// voiceOfKey returns the voice of a worker where there are several keys. No id
// ends like it.
func voiceOfKey(id proto.WorkerID) voice { return voice(id.Key()) + "." }

// hears notes the key of a worker that joins. Several keys stay several when
// workers go: who drives the others out would have many voices else.
func (p *Plan) hears(id proto.WorkerID) {
	if p.first == "" {
		p.first = id.Key()
	}
	p.several = p.several || id.Key() != p.first
}

// voices returns how many voices the members have, or 2 if they are more.
func (p *Plan) voices() int {
	n := min(len(p.order), 1)
	for _, w := range p.order {
		if p.voiceOf(w.id) != p.voiceOf(p.order[0].id) {
			n = 2
		}
	}
	return n
}

// claimOf returns what the voice of a worker says of a block.
func (p *Plan) claimOf(b *block, id proto.WorkerID) (claim, bool) {
	at := slices.IndexFunc(b.claims, func(c claim) bool { return p.voiceOf(c.worker) == p.voiceOf(id) })
	if at < 0 {
		return claim{}, false
	}
	return b.claims[at], true
}

func (p *Plan) claimed(b *block, id proto.WorkerID) bool {
	_, ok := p.claimOf(b, id)
	return ok
}

// holds reports whether the voice of a worker is at a block.
func (p *Plan) holds(b *block, id proto.WorkerID) bool {
	return slices.ContainsFunc(b.holders, func(h proto.WorkerID) bool { return p.voiceOf(h) == p.voiceOf(id) })
}

// Quarantined returns why a worker is in quarantine; empty: it is not.
func (p *Plan) Quarantined(id proto.WorkerID) string {
	if why := p.quarantined[voiceOfKey(id)]; why != "" {
		return why
	}
	return p.quarantined[voice(id)]
}

// banish puts the voice of a worker into quarantine, and gives up all who have it.
func (p *Plan) banish(id proto.WorkerID, why string) {
	v := p.voiceOf(id)
	if p.quarantined[v] != "" {
		return
	}
	p.say(Quarantine{id, why})
	if p.several {
		why = fmt.Sprintf("%s (worker %s; all of key %s go with it)", why, id, id.Key())
	}
	p.quarantined[v] = why
	for _, w := range slices.Clone(p.order) {
		if p.voiceOf(w.id) == v {
			p.remove(w, "it is in quarantine: "+why)
		}
	}
}
