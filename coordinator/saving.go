package coordinator

import (
	"fmt"
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
	case a.Step != nil && k.EverySteps != 0 && a.Step.Passed(k.EverySteps),
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

// saveEnd makes the last checkpoint. Where the step at hand was dropped, reducers may
// have what was made since the one before, and it is made again after resuming.
func (s *server) saveEnd() error {
	switch back, err := s.core.settle(); {
	case err != nil:
		return err
	case back > 0:
		s.events.Trouble(fmt.Sprintf("the last %d steps are made again after resuming: reducers had them, and the time to stop was over",
			back))
		return nil
	}
	return s.store.save()
}

// save makes a checkpoint, once reducers have sent what they have of it.
func (s *server) save() error {
	if !s.core.whole() {
		s.core.save(s.now())
		return nil
	}
	if err := s.store.save(); err != nil {
		return err
	}
	s.events.Saved(s.store.dir.Path(), s.store.train.Step())
	return s.upload()
}
