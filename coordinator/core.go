package coordinator

import (
	"errors"
	"fmt"

	"github.com/tinygrow/tinygrow/coordinator/plan"
	"github.com/tinygrow/tinygrow/coordinator/trainer"
	"github.com/tinygrow/tinygrow/proto"
)

// ErrDisagree is returned when two workers computed different sums of the same
// block: one of them computes wrongly, so the run must not go on.
var ErrDisagree = errors.New("workers disagree")

// core joins the pure parts: plan, trainer and fold. It has no clock, no
// network and no disk either; what it wants done it tells a port, so that a
// simulation can stand in for both.
type core struct {
	run   proto.RunID
	term  proto.Term
	plan  *plan.Plan
	train *trainer.Trainer
	port  port

	number proto.Round
	round  trainer.Round
	offer  offer
	fold   *proto.Fold[proto.Sums]
	stop   bool // end after the round at hand
	ended  bool
}

// port does what the core wants done.
type port interface {
	// answer replies to the last pull of a worker.
	answer(w proto.WorkerID, t *proto.Task)
	// open makes a round the only one whose partials are taken, and hands out
	// what it needs; weights are broadcast if they are new.
	open(r roundInfo, o offer, newWeights bool)
	// applied is told what a round led to. Its error ends the run.
	applied(a trainer.Applied) error
	// memory returns n bytes for weights, which open gets.
	memory(n int) []byte
	// release gives the memory of sums back.
	release(s proto.Sums)
	// decided is told every decision of the plan.
	decided(c plan.Command)
}

// roundInfo is what partials are checked against.
type roundInfo struct {
	number      proto.Round
	microShards uint32
	f32, f64    int
}

// begin opens the first round; ended is set if there is none.
func (c *core) begin(now plan.Time) error {
	a, err := c.train.Begin()
	if err != nil {
		return err
	}
	if err := c.port.applied(a); err != nil {
		return err
	}
	return c.next(now, true)
}

// next opens the round that the trainer asks for.
func (c *core) next(now plan.Time, newWeights bool) error {
	r, ok := c.train.Next()
	if !ok || c.stop {
		c.ended = true
		return nil
	}
	c.number++
	r.Round = c.number
	offer, err := c.offer.renew(&r, c.train.Model(), newWeights, c.port.memory)
	if err != nil {
		return err
	}
	c.round, c.offer = r, offer
	c.fold = proto.NewFold(r.MicroShards(), func(left, right proto.Sums) proto.Sums {
		addSums(left, right)
		c.port.release(right)
		return left
	})
	c.port.open(roundInfo{r.Round, r.MicroShards(), r.F32, r.F64}, offer, newWeights)
	return c.handle(now, plan.Open{Round: r.Round, MicroShards: r.MicroShards(), Kind: string(r.Kind), Light: r.Kind == proto.Evaluate}, proto.Sums{})
}

// handle takes an event, with the sums of a partial. Its error ends the run.
func (c *core) handle(now plan.Time, e plan.Event, sums proto.Sums) error {
	complete := false
	for _, cmd := range c.plan.Step(now, e) {
		c.port.decided(cmd)
		switch cmd := cmd.(type) {
		case plan.Assign:
			c.port.answer(cmd.Worker, c.task(cmd))
		case plan.Wait:
			c.port.answer(cmd.Worker, &proto.Task{Do: proto.Wait, Text: cmd.Why})
		case plan.Rejoin:
			c.port.answer(cmd.Worker, &proto.Task{Do: proto.Rejoin, Text: cmd.Why})
		case plan.Fold:
			if err := c.fold.Put(cmd.Block, sums); err != nil {
				return fmt.Errorf("round %d: %w", c.number, err)
			}
		case plan.Ignore:
			c.port.release(sums)
		case plan.Alarm:
			// One of the two is in the sum already, and nobody knows which is right.
			return fmt.Errorf("%w: workers %s and %s got different sums of block %v of round %d: leave out the one whose machine is at fault (run tinygrow doctor on both), then continue with tinygrow resume",
				ErrDisagree, cmd.First, cmd.Second, cmd.Block, cmd.Round)
		case plan.Complete:
			complete = true
		}
	}
	if !complete {
		return nil
	}
	total, ok := c.fold.Root()
	if !ok {
		panic("coordinator: a complete round has no sum")
	}
	a, err := c.train.Apply(total)
	c.port.release(total)
	if err != nil {
		return err
	}
	if err := c.port.applied(a); err != nil {
		return err
	}
	return c.next(now, a.NewWeights())
}

func (c *core) task(a plan.Assign) *proto.Task {
	return &proto.Task{Head: proto.Head{Run: c.run, Term: c.term}, Do: proto.Compute, Task: a.Task, Spec: c.round.RoundSpec, Block: a.Block, Threads: a.Threads, Text: a.Why}
}
