package coordinator

import (
	"errors"
	"fmt"
	"strings"

	"github.com/tinygrow/tinygrow/coordinator/lead"
	"github.com/tinygrow/tinygrow/coordinator/plan"
	"github.com/tinygrow/tinygrow/coordinator/plausible"
	"github.com/tinygrow/tinygrow/coordinator/trainer"
	"github.com/tinygrow/tinygrow/proto"
)

// ErrDisagree is returned when workers computed different sums of the same block
// and no other worker is there to decide who is wrong.
var ErrDisagree = errors.New("workers disagree")

// core joins the pure parts: plan, trainer, ledger and fold. It has no clock, no
// network and no disk either; what it wants done it tells a port, so that a
// simulation can stand in for both.
type core struct {
	head  proto.Head // begins each message that it sends
	plan  *plan.Plan
	train *trainer.Trainer
	// ledger is what the commit log knows; nil: there is none.
	ledger *lead.Ledger
	port   port

	number   proto.Round
	round    trainer.Round
	offer    offer
	fold     *proto.Fold[proto.Sums]
	complete bool // the round has its sums and waits for the log
	closed   bool // no round takes sums: there is none yet, or the one at hand has all
	inputs   proto.Digest
	share    sharing
	stop     bool // end after the round at hand
	ended    bool
	scale    plausible.Scale
	looked   plausible.Finding // at the sums at hand
	// gradient, if not nil, is told of the gradient of each step behind which a
	// growth event is due; of none in a run of local steps, where nobody has it.
	gradient func(Gradient)
}

// port does what the core wants done.
type port interface {
	// answer replies to the last pull of a worker.
	answer(w proto.WorkerID, t *proto.Task)
	// open makes a round the only one whose partials are taken, and hands out
	// what it needs; weights are broadcast if they are new.
	open(r roundInfo, o offer, newWeights bool)
	// append adds c to the commit log behind record number after; acked is told
	// when it lasts.
	append(after uint64, c *proto.Commit)
	// applied is told what a round led to. Its error ends the run.
	applied(a trainer.Applied) error
	// memory returns n values for weights, which open gets.
	memory(n int) []float32
	// release gives the memory of sums back.
	release(s proto.Sums)
	// enters is told what the core does next, for those who measure it.
	enters(p phase)
	// decided is told every decision of the plan.
	decided(c plan.Command)
	// duty tells all reducers something.
	duty(d *proto.Duty)
	// lend hands out blobs to reducers in place of those before.
	lend(b []blob)
	// reducerLost is told that a reducer was given up, and that so many steps are
	// made again.
	reducerLost(id proto.WorkerID, steps int, why string)
	// gathered is told that the trainer has all of its numbers, after core.save.
	gathered() error
}

// roundInfo is what partials are checked against.
type roundInfo struct {
	number      proto.Round
	microShards uint32
	sums        proto.Lengths
	wire        proto.Wire       // how they travel
	inputs      proto.Digest     // names graph, weights and request that sums must be made from
	shares      *proto.Shares    // who gets which part of the gradients; nil: the coordinator gets all
	owners      []proto.WorkerID // of the ranges of shares
	known       plausible.Round
}

// begin opens the first round; ended is set if there is none.
func (c *core) begin(now plan.Time) error {
	if err := c.ledger.Commit(proto.TermCommit, c.state()); err != nil {
		return err
	}
	a, err := c.train.Begin()
	if err != nil {
		return err
	}
	c.closed = true
	if err := c.commit(a); err != nil {
		return err
	}
	return c.next(now)
}

// finished reports whether nothing is left to do.
func (c *core) finished() bool { return c.ended && c.ledger.Clear() }

func (c *core) state() lead.State {
	return lead.State{Step: c.train.Step(), Generation: c.train.Generation(), Digest: c.train.Digest().String()}
}

// commit makes what a round led to count. The log gets it while the next round
// runs, and has it before that one is committed.
func (c *core) commit(a trainer.Applied) error {
	if again, err := c.remade(a); again {
		return err
	}
	var err error
	switch {
	case a.Grown != nil:
		err = c.ledger.Commit(proto.GrowthCommit, lead.State{Step: a.Grown.Step, Generation: a.Grown.Generation, Digest: a.Grown.Digest})
	case a.Step != nil:
		err = c.ledger.Commit(proto.StepCommit, lead.State{Step: a.Step.Step, Generation: a.Step.Generation, Digest: a.Step.Digest})
	}
	if err != nil {
		return err
	}
	c.send()
	return c.port.applied(a)
}

// send hands the log its next record, if the one before is there.
func (c *core) send() {
	if after, r, ok := c.ledger.Next(); ok {
		c.port.append(after, r)
	}
}

// acked says that the log has the record of the last append.
func (c *core) acked(now plan.Time) error {
	c.ledger.Acked()
	c.send()
	return c.advance(now)
}

// stored says that a checkpoint lies in the object store, and reports whether
// it is of use there.
func (c *core) stored(s lead.State, object string, mark uint64) bool {
	defer c.send()
	return c.ledger.Stored(s, object, mark)
}

// next opens the round that the trainer asks for, once who is to make its update has the
// state that it needs.
func (c *core) next(now plan.Time) error {
	c.complete, c.closed = false, true
	r, ok := c.train.Next()
	ends := !ok || c.stop && len(c.share.again) == 0
	share := false
	if !ends {
		var dealing bool
		if share, dealing = c.shares(now); dealing {
			return nil
		}
	}
	if h := &c.share; h.away && (!share || h.saves) {
		if c.collect(now); !share {
			return nil
		}
	}
	if ends {
		c.ended = true
		return nil
	}
	c.number++
	r.Round = c.number
	if share {
		r.Shares, r.F32 = c.share.spec(), 0
	}
	c.port.enters(encoding)
	away := elsewhere{c.share.deal, c.share.told, c.share.away}
	offer, inputs, err := c.offer.renew(&r, c.train, away, c.port.memory)
	c.port.enters(serving)
	if err != nil {
		return err
	}
	newWeights := offer.weights.data != nil && offer.weights.ref.Key != c.offer.weights.ref.Key && offer.weights.ref.Key != away.told.Key
	c.round, c.offer, c.inputs = r, offer, inputs
	c.begins()
	c.scale.Open(r.Kind)
	c.port.open(roundInfo{r.Round, r.MicroShards(), r.Lengths, r.Wire, inputs, r.Shares, c.share.ids(), knownOf(&r, c.train)}, offer,
		newWeights)
	shards, steps := r.Leaf()
	return c.handle(now, plan.Open{Round: r.Round, MicroShards: r.MicroShards(), Step: r.Step, Kind: string(r.Kind),
		Light: r.Kind == proto.Evaluate, Shards: shards, Steps: steps}, proto.Sums{})
}

// knownOf returns what is known of the sums of a round.
func knownOf(r *trainer.Round, t *trainer.Trainer) plausible.Round {
	known := plausible.Of(r.RoundSpec, t.Model().Graph)
	known.Riding, known.Metric, known.Scored, known.Moved = r.Riding, r.Metric, !t.Task().Labelled(), r.Moved
	return known
}

// begins forgets what was folded of the round at hand.
func (c *core) begins() {
	c.complete, c.closed, c.share.chosen = false, false, nil
	a := addingOf(&c.round, c.train)
	c.fold = proto.NewFold(c.round.MicroShards(), func(left, right proto.Sums) proto.Sums {
		a.add(c.fold.Adding(), left, right)
		c.port.release(right)
		return left
	})
}

// partial takes the sums that a worker sent, and what a look at them found.
func (c *core) partial(now plan.Time, p *arrived) error {
	doubt := c.scale.Doubt(c.round.Kind, p.worker.Key(), p.finding)
	c.looked = p.finding
	sent := plan.Partial{Worker: p.worker, Round: p.round, Block: p.block, Digest: p.digest}
	if p.finding.Wrong == "" && doubt == "" {
		return c.handle(now, sent, p.sums)
	}
	return c.handle(now, plan.Odd{Partial: sent, Wrong: p.finding.Wrong, Doubt: doubt}, p.sums)
}

// handle takes an event, with the sums of a partial. Its error ends the run.
func (c *core) handle(now plan.Time, e plan.Event, sums proto.Sums) error {
	switch p := e.(type) {
	case plan.Partial:
		if c.ended || c.closed {
			c.port.release(sums)
			e = plan.Heard{Worker: p.Worker}
		}
	case plan.Odd:
		if c.ended || c.closed {
			c.port.release(sums)
			e = plan.Heard{Worker: p.Worker}
		}
	case plan.Tick:
		if err := c.tickReducers(now); err != nil {
			return err
		}
	}
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
			c.port.enters(reducing)
			c.scale.Learn(c.round.Kind, cmd.Worker.Key(), c.looked)
			if err := c.fold.Put(cmd.Block, sums); err != nil {
				return fmt.Errorf("round %d: %w", c.number, err)
			}
			c.share.chosen = append(c.share.chosen, proto.Chosen{Block: cmd.Block, Worker: cmd.Worker})
			c.port.enters(serving)
		case plan.Ignore:
			c.port.release(sums)
		case plan.Alarm: // it is not known yet whose sums are right
			c.complete = false
		case plan.Redo:
			c.begins()
		case plan.Undecided:
			return fmt.Errorf("%w: %s got different sums of block %v of round %d, and %s: run tinygrow doctor on their machines, leave "+
				"out the one that computes wrongly or give the run three workers, then continue with tinygrow resume",
				ErrDisagree, names(cmd.Workers), cmd.Block, cmd.Round, cmd.Why)
		case plan.Complete:
			c.complete = true
		}
	}
	return c.advance(now)
}

// advance applies the sums of a complete round once the log has all that was
// committed before.
func (c *core) advance(now plan.Time) error {
	if !c.complete || !c.ledger.Clear() || c.share.gather != nil {
		return nil
	}
	c.complete, c.closed = false, true
	total, ok := c.fold.Root()
	if !ok {
		panic("coordinator: a complete round has no sum")
	}
	if c.round.Shares != nil {
		return c.order(now, total.F64)
	}
	c.port.enters(updating)
	graph, event := c.train.Model().Graph, c.train.Events()
	a, err := c.train.Apply(total)
	c.port.enters(serving)
	if err == nil && a.Step != nil && a.Step.Steps == 0 && c.gradient != nil && (a.Growth != nil || c.train.GrowthDue()) {
		c.gradient(Gradient{Step: a.Step.Step, Event: event, Graph: graph, Sum: total.F32,
			Samples: a.Step.Samples})
	}
	c.port.release(total)
	if err != nil {
		return err
	}
	if a.NewWeights() || a.Restored != nil {
		c.share.current = false
	}
	if err := c.commit(a); err != nil {
		return err
	}
	return c.next(now)
}

// names lists workers for people.
func names(ids []proto.WorkerID) string {
	var list []string
	for _, id := range ids {
		list = append(list, string(id))
	}
	return "workers " + strings.Join(list, " and ")
}

func (c *core) task(a plan.Assign) *proto.Task {
	return &proto.Task{Head: c.head, Do: proto.Compute, Task: a.Task, Spec: c.round.RoundSpec, Block: a.Block, Threads: a.Threads,
		Text: a.Why}
}
