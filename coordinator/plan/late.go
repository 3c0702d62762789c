package plan

import (
	"fmt"
	"slices"

	"github.com/tinygrow/tinygrow/proto"
)

// late is the blocks that are worth computing by another worker too, by the reason,
// oldest first. It is looked for once for all workers that are idle at one time: each
// of many looking for itself would cost more than the rest of a round.
type late struct {
	known                   bool
	trial, waiting, overdue []proto.Block
}

// look finds what is late now.
func (p *Plan) look(now Time) {
	l := &p.round.late
	l.known, l.trial, l.waiting, l.overdue = true, l.trial[:0], l.waiting[:0], l.overdue[:0]
	for _, at := range p.round.pending {
		b := p.round.blocks[at]
		if len(b.holders) == 1 {
			if b.trial {
				l.trial = append(l.trial, at)
			}
			if first := p.workers[b.holders[0]].held[0]; first.block != at && now-first.since > p.cfg.Grace {
				l.waiting = append(l.waiting, at)
			}
		}
		overdue := len(b.holders) > 0
		for _, id := range b.holders {
			w := p.workers[id]
			h := w.held[slices.IndexFunc(w.held, func(h held) bool { return h.block == at })]
			overdue = overdue && now-h.since > p.limit(at, w.threads)
		}
		if overdue {
			l.overdue = append(l.overdue, at)
		}
	}
}

// late returns a block that is worth computing by w too: one on trial, one that
// waits behind another block of its only holder, or the first one that is overdue
// at all its holders.
func (p *Plan) late(now Time, w *worker) (proto.Block, string, bool) {
	if !p.round.late.known {
		p.look(now)
	}
	l := &p.round.late
	first := func(list []proto.Block) (proto.Block, []proto.WorkerID, bool) {
		for _, at := range list {
			if b := p.round.blocks[at]; !p.claimed(b, w.id) {
				return at, b.holders, true
			}
		}
		return proto.Block{}, nil, false
	}
	if at, holders, ok := first(l.trial); ok && w.proved {
		return at, fmt.Sprintf("%s has finished none yet", join(holders)), true
	}
	if at, holders, ok := first(l.waiting); ok {
		return at, fmt.Sprintf("it waits behind another block of %s", holders[0]), true
	}
	if at, holders, ok := first(l.overdue); ok {
		return at, "overdue at " + join(holders), true
	}
	return proto.Block{}, "", false
}
