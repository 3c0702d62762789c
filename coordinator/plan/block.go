package plan

import (
	"slices"

	"github.com/tinygrow/tinygrow/proto"
)

// block is a block that was given to somebody.
type block struct {
	holders []proto.WorkerID
	claims  []claim        // partials that came, one a voice
	by      proto.WorkerID // worker whose partial was folded, or empty
	digest  uint64         // digest of that partial
	// audited says that two workers have to agree before it is folded;
	// disputed that two do not.
	audited, disputed bool
	trial             bool // given to one that has finished none yet
	lonely            Time // since when nobody can decide a dispute; 0: somebody can
}

// claim is what a worker says that the sums of a block are.
type claim struct {
	worker proto.WorkerID
	digest uint64
}

// votes returns how many voices claim a digest.
func (b *block) votes(digest uint64) int {
	n := 0
	for _, c := range b.claims {
		if c.digest == digest {
			n++
		}
	}
	return n
}

// others returns the workers that claim another digest.
func (b *block) others(digest uint64) []proto.WorkerID {
	var list []proto.WorkerID
	for _, c := range b.claims {
		if c.digest != digest {
			list = append(list, c.worker)
		}
	}
	return list
}

// right returns the digest that two voices agree on.
func (b *block) right() (digest uint64, ok bool) {
	for _, c := range b.claims {
		if b.votes(c.digest) >= 2 {
			return c.digest, true
		}
	}
	return 0, false
}

// copies returns how many more workers have to compute the block now.
func (b *block) copies() int {
	agree := 0
	for _, c := range b.claims {
		agree = max(agree, b.votes(c.digest))
	}
	switch {
	case b.disputed, b.audited && b.by == "":
		return 2 - agree - len(b.holders)
	}
	return 0
}

// drop takes away the claims of workers.
func (b *block) drop(those func(id proto.WorkerID) bool) {
	b.claims = slices.DeleteFunc(b.claims, func(c claim) bool { return those(c.worker) })
}
