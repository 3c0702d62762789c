package lead

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/tinygrow/tinygrow/proto"
)

// ErrOtherBits is returned when a step that is made again leads to another
// state than the one committed.
var ErrOtherBits = errors.New("not the bits that were committed")

// Ledger decides what a coordinator may commit, and what is to be added to the
// log. It is pure; nil is the ledger of a run without a log.
type Ledger struct {
	self   Self
	origin proto.Term
	last   uint64          // number of the newest record that is known
	from   uint64          // number of the record from which a successor reads; 0: the next one
	queue  []*proto.Commit // records to be added; the first one may be on its way
	sent   bool
	mark   uint64 // number of the record of the state at hand; 0: not known
	stored bool   // the object store has a checkpoint, the newest of step since or later

	again map[commitKey]committed // what the log knows already
	later []laterCommits          // the same, by ascending key
	since proto.Step              // step of the newest stored checkpoint; earlier steps are not in again
	// generation is that of the newest stored checkpoint, at that of what was committed last.
	generation, at proto.Generation
}

type commitKey struct {
	kind proto.CommitKind
	step proto.Step
}

func (k commitKey) compare(o commitKey) int {
	rank := func(kind proto.CommitKind) int {
		if kind == proto.StepCommit {
			return 0
		}
		return 1 // an event follows its step
	}
	return cmp.Or(cmp.Compare(k.step, o.step), cmp.Compare(rank(k.kind), rank(o.kind)))
}

type committed struct {
	number uint64
	digest string
}

// laterCommits are those of a key and of all after it.
type laterCommits struct {
	key   commitKey
	first uint64 // number of the first one in the log
}

// Self is what a coordinator says of itself and its run in every record.
type Self struct {
	Head   proto.Head
	Holder string
	// Born is the start that began the run, Settings what the run was asked for.
	Born     proto.Start
	Settings string
}

// NewLedger returns the ledger of a coordinator that takes a run up where h
// ends; fresh says that it begins a new run instead.
func NewLedger(h History, self Self, fresh bool) *Ledger {
	l := &Ledger{self: self, origin: h.Origin, last: h.Last, from: h.From, again: map[commitKey]committed{}}
	switch {
	case fresh:
		l.origin, l.from = self.Head.Term, 0
		return l
	case h.Term == 0:
		l.origin = 1
	}
	if h.Checkpoint != nil {
		l.stored, l.since, l.generation = true, h.Checkpoint.Step, h.Checkpoint.Generation
	}
	for _, r := range h.Records {
		if r.Kind == proto.StepCommit || r.Kind == proto.GrowthCommit {
			key := commitKey{r.Kind, r.Step}
			l.again[key] = committed{r.Number, r.Digest}
			l.later = append(l.later, laterCommits{key, r.Number})
		}
	}
	slices.SortFunc(l.later, func(a, b laterCommits) int { return a.key.compare(b.key) })
	for i := len(l.later) - 2; i >= 0; i-- {
		l.later[i].first = min(l.later[i].first, l.later[i+1].first)
	}
	return l
}

// Clear reports whether the log has all that was committed. Only then may
// another step be.
func (l *Ledger) Clear() bool { return l == nil || len(l.queue) == 0 }

// State is what a commit is about.
type State struct {
	Step       proto.Step
	Generation proto.Generation
	Digest     string
}

// Commit takes what a coordinator did. What the log has already is compared
// with it instead of being added.
func (l *Ledger) Commit(kind proto.CommitKind, s State) error {
	if l == nil {
		return nil
	}
	grown := s.Generation > l.at
	l.at = s.Generation
	if kind == proto.StepCommit || kind == proto.GrowthCommit {
		key := commitKey{kind, s.Step}
		old, known := l.again[key]
		switch {
		case known && old.digest != s.Digest:
			return fmt.Errorf("%w: %s of step %d gives %.16s, the commit log of run %s has %.16s: a machine computes wrongly, or two "+
				"builds were mixed: run tinygrow doctor on all of them, then continue with tinygrow coordinator --resume",
				ErrOtherBits, kind, s.Step, s.Digest, l.self.Head.Run, old.digest)
		case known:
			delete(l.again, key)
			l.mark = l.before(key, old.number)
			return nil
		case l.stored && (s.Step < l.since || s.Step == l.since && (kind == proto.StepCommit || grown && s.Generation <= l.generation)):
			return nil // it lies before the checkpoint that the log goes on from
		}
		l.mark = l.before(key, l.put(kind, s))
		return nil
	}
	l.put(kind, s)
	return nil
}

// before returns the mark of the state that a record led to: its number, or one
// before that of a later state. The log has these the wrong way round when a
// record was lost with its writer, whose disk knew the step, and was made up for.
func (l *Ledger) before(key commitKey, number uint64) uint64 {
	i, _ := slices.BinarySearchFunc(l.later, key, func(a laterCommits, k commitKey) int {
		if a.key.compare(k) <= 0 {
			return -1
		}
		return 1
	})
	if i < len(l.later) {
		return min(number, l.later[i].first-1)
	}
	return number
}

// put queues a record and returns the number that it will get.
func (l *Ledger) put(kind proto.CommitKind, s State) uint64 {
	number := l.last + uint64(len(l.queue)) + 1
	c := &proto.Commit{Head: l.self.Head, Kind: kind, Step: s.Step, Generation: s.Generation, Digest: s.Digest,
		Holder: l.self.Holder, Origin: l.origin, Born: l.self.Born, From: l.from}
	if kind == proto.TermCommit || kind == proto.CheckpointCommit {
		c.Settings = l.self.Settings
	}
	l.queue = append(l.queue, c)
	if l.from == 0 {
		l.from = number
	}
	return number
}

// Mark returns where in the log the state at hand stands: a checkpoint of it is
// committed with this mark.
func (l *Ledger) Mark() uint64 {
	if l == nil {
		return 0
	}
	return l.mark
}

// Stored takes a checkpoint in the object store, and reports whether it is of
// use: an older one than the newest is not.
func (l *Ledger) Stored(s State, object string, mark uint64) bool {
	if l == nil || l.stored && s.Step <= l.since {
		return false
	}
	l.stored, l.since, l.generation = true, s.Step, s.Generation
	if mark > 0 {
		l.from = mark + 1
	}
	l.put(proto.CheckpointCommit, s)
	l.queue[len(l.queue)-1].Object = object
	return true
}

// Next returns a record to be added behind number after, each once, when the
// one before was acknowledged.
func (l *Ledger) Next() (after uint64, c *proto.Commit, ok bool) {
	if l == nil || l.sent || len(l.queue) == 0 {
		return 0, nil, false
	}
	l.sent = true
	return l.last, l.queue[0], true
}

// Acked says that the record of the last Next lasts.
func (l *Ledger) Acked() {
	l.last++
	l.queue, l.sent = l.queue[1:], false
}
