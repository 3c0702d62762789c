package plan

import "github.com/tinygrow/tinygrow/proto"

// Claim is what becomes of a hello.
type Claim int

// Free ids go to who asks. Taken ones belong to a worker that is alive. Of one
// that has not been heard of since it is Unclear: the hello has to come again.
const (
	Free Claim = iota
	Taken
	Unclear
)

// Stranger reports whether a member goes by that id, and is another process.
func (p *Plan) Stranger(id proto.WorkerID, nonce proto.Nonce) bool {
	w := p.workers[id]
	return w != nil && w.joined.Nonce != nonce
}

// Claims decides about a hello. Workers give a sign of life four times in
// LostAfter: one that is silent for half of it gives way, because it may be a
// worker that was killed and started again. What was on its way when the other
// said hello is no sign.
func (p *Plan) Claims(now Time, id proto.WorkerID, nonce proto.Nonce) Claim {
	if !p.Stranger(id, nonce) {
		return Free
	}
	w := p.workers[id]
	switch {
	case now-w.heard > p.cfg.LostAfter/2:
		return Free
	case w.contested == 0 || now-w.contested > p.cfg.LostAfter: // nobody asked, or somebody did and went away
		w.contested = max(now, 1)
	case w.heard > w.contested+p.cfg.LostAfter/10:
		w.contested = 0
		return Taken
	}
	return Unclear
}
