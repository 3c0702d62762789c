package coordinator

import (
	"context"
	"errors"

	"github.com/tinygrow/tinygrow/coordinator/lead"
	"github.com/tinygrow/tinygrow/coordinator/plan"
	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/proto/bus"
)

// appending is a record on its way to the commit log.
type appending struct {
	after  uint64
	commit *proto.Commit
}

// appended is how that went; waiting says that it still goes on.
type appended struct {
	waiting bool
	err     error
}

// past reads what the commit log says, if there is one.
func (j *Job) past(ctx context.Context) (lead.History, error) {
	if j.Lead == nil {
		return lead.History{}, nil
	}
	return j.Lead.History(ctx)
}

func (s *server) append(after uint64, c *proto.Commit) { s.appends <- appending{after, c} }

// writeLog adds records to the commit log until ctx ends.
func (s *server) writeLog(ctx context.Context) {
	for {
		select {
		case a := <-s.appends:
			err := s.job.Lead.Append(ctx, a.after, a.commit, func(err error) { s.push(input{log: &appended{waiting: true, err: err}}) })
			s.push(input{log: &appended{err: err}})
		case <-ctx.Done():
			return
		}
	}
}

// logged takes news of the log.
func (s *server) logged(now plan.Time, a appended) error {
	switch {
	case a.waiting:
		why := "the commit log does not answer, the run goes on when it does; a server whose disk is full is silent until there is " +
			"room and it was started again: "
		switch {
		case errors.Is(a.err, bus.ErrFull):
			why = "the commit log takes nothing more, the run goes on when there is room: "
		case errors.Is(a.err, bus.ErrNoStream):
			why = "there is no commit log, the run goes on when it is back: "
		}
		s.events.Waiting(why + a.err.Error())
		s.logWaits = true
		return nil
	case a.err != nil:
		return a.err
	case s.logWaits:
		s.events.Resumed("the commit log has the record")
		s.logWaits = false
	}
	return s.core.acked(now)
}

// lost gets an error when another coordinator has the lease.
func (s *server) lost() <-chan error {
	if s.job.Lead == nil {
		return nil
	}
	return s.job.Lead.Lost()
}

// logEnd tells standbys that the run is complete, now that it is on disk. If
// that fails, or another coordinator was quicker, one of them makes the last
// steps again, to the same bits.
func (s *server) logEnd(ctx context.Context) {
	if s.job.Lead == nil || !s.core.ledger.Clear() {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, s.job.Config.Cluster.Lease)
	defer cancel()
	if s.core.ledger.Commit(proto.EndCommit, s.core.state()) == nil {
		after, c, _ := s.core.ledger.Next()
		_ = s.job.Lead.Append(ctx, after, c, func(error) {})
	}
}
