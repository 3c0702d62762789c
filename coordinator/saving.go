package coordinator

import (
	"time"

	"github.com/tinygrow/tinygrow/coordinator/trainer"
	"github.com/tinygrow/tinygrow/proto"
)

// unsaved says how much would be lost without another checkpoint.
type unsaved struct {
	done  bool          // anything since the newest one
	since time.Duration // training since the last checkpoint
	took  time.Duration // time that writing it took
}

// due reports whether it is time for the next checkpoint. The clock decides,
// not the end of a step: what a run has done never waits longer than every,
// however long the round at hand takes. Writing takes time as well.
func (u unsaved) due(every time.Duration) bool {
	return u.done && u.since >= every-min(2*u.took+2*tick, every/2)
}

// beforeEvent reports whether it is worth a checkpoint to begin a growth event.
// Its solver holds the run's goroutine, which writes none meanwhile.
func (u unsaved) beforeEvent(every time.Duration) bool { return u.done && u.since >= every/10 }

func (s *server) unsaved() unsaved {
	return unsaved{done: s.store.behind, since: time.Since(s.store.saved), took: s.store.took}
}

// saveAfter makes a checkpoint after a round if it is time to.
func (s *server) saveAfter(a trainer.Applied) error {
	k, u := s.job.Config.Checkpoint, s.unsaved()
	next, _ := s.store.train.Next()
	switch {
	case a.Step != nil && k.EverySteps != 0 && uint64(a.Step.Step)%k.EverySteps == 0,
		a.Step != nil && next.Kind == proto.Growth && u.beforeEvent(s.interval()),
		u.due(s.interval()):
		return s.save()
	}
	return nil
}

// saveBetween makes a checkpoint while a round goes on if it is time to.
func (s *server) saveBetween() error {
	if s.unsaved().due(s.interval()) {
		return s.save()
	}
	return nil
}

func (s *server) save() error {
	if err := s.store.save(); err != nil {
		return err
	}
	s.events.Saved(s.store.dir.Path(), s.store.train.Step())
	return s.upload()
}
