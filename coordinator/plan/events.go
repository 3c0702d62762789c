package plan

import (
	"fmt"
	"time"

	"github.com/tinygrow/tinygrow/proto"
)

// Time is the time since the coordinator started.
type Time = time.Duration

// Event is something that happened; it is one of the structs below.
type Event interface{ event() }

// Join says that a worker was admitted with a number of threads. A worker
// that joins again starts anew: what it had been given is given to others.
// Those that share their host get its threads, the most that one of them
// announced, shared out between them.
type Join struct {
	Worker  proto.WorkerID
	Nonce   proto.Nonce
	Threads int
	Host    string
	Shared  bool
}

// Leave says that a worker said goodbye or was thrown out.
type Leave struct {
	Worker proto.WorkerID
	Why    string
}

// Heard says that a worker gave a sign of life.
type Heard struct{ Worker proto.WorkerID }

// Pull says that a worker has room for one more block. Seq counts its pulls;
// Last is the number of the last task that reached it, so that a task whose
// reply was lost is sent again.
type Pull struct {
	Worker proto.WorkerID
	Seq    uint64
	Last   uint64
}

// Partial says that the whole partial of a block arrived undamaged. Digest
// tells equal partials from unequal ones.
type Partial struct {
	Worker proto.WorkerID
	Round  proto.Round
	Block  proto.Block
	Digest uint64
}

// Odd is a Partial whose sums cannot be, for the reason Wrong, or hardly can, for
// the reason Doubt.
type Odd struct {
	Partial
	Wrong, Doubt string
}

// Open starts a round over a number of micro-shards, at least 1. An unfinished
// round before it is abandoned.
type Open struct {
	Round       proto.Round
	MicroShards uint32
	// Step is that of the weights.
	Step proto.Step
	// Kind names rounds that take similarly long per micro-shard.
	Kind string
	// Light says that a partial is small, so that blocks may be cut finer.
	Light bool
	// A micro-shard may be a replica in its place: Shards of them that are computed
	// at once, Steps times one after the other; 0 stands for 1.
	Shards, Steps uint32
}

// replicas reports whether the leaves of the round are no micro-shards.
func (o *Open) replicas() bool { return max(o.Shards, o.Steps) > 1 }

// waves returns how many micro-shards one thread of so many computes for b, one
// after the other.
func (o *Open) waves(b proto.Block, threads int) int {
	threads = max(threads, 1)
	return (int(b.Len())*int(max(o.Shards, 1)) + threads - 1) / threads * int(max(o.Steps, 1))
}

// Tick says that time passed.
type Tick struct{}

func (Join) event()    {}
func (Leave) event()   {}
func (Heard) event()   {}
func (Pull) event()    {}
func (Partial) event() {}
func (Open) event()    {}
func (Tick) event()    {}

// Command is something to do; it is one of the structs below. Each says why.
type Command interface{ command() }

// Assign answers a worker's last pull with a block. Task counts the tasks of
// the worker. A worker that already computed the block may send its partial again.
type Assign struct {
	Worker proto.WorkerID
	Round  proto.Round
	Block  proto.Block
	Task   uint64
	// Threads is how many of its threads the worker is to use.
	Threads int
	Why     string
}

// Wait answers a worker's last pull with nothing: it pulls again.
type Wait struct {
	Worker proto.WorkerID
	Why    string
}

// Fold adds the partial just reported to the reduction: the first valid one of its block.
type Fold struct {
	Worker proto.WorkerID
	Block  proto.Block
	Why    string
}

// Ignore drops the partial just reported.
type Ignore struct {
	Worker proto.WorkerID
	Round  proto.Round
	Block  proto.Block
	Why    string
}

// Doubt says that the partial just reported counts only when somebody else got
// the same, Wrong that it cannot be.
type (
	Doubt struct {
		Worker proto.WorkerID
		Round  proto.Round
		Block  proto.Block
		Why    string
	}
	Wrong Doubt
)

// Alarm says that two workers computed the same block to different sums, which
// must never happen: the bits of one of them are wrong. The round is not over
// before it is known whose, even if Complete was said.
type Alarm struct {
	First, Second proto.WorkerID
	Round         proto.Round
	Block         proto.Block
	Why           string
}

// Undecided says that nobody can tell which of several sums of a block is right.
type Undecided struct {
	Workers []proto.WorkerID
	Round   proto.Round
	Block   proto.Block
	Why     string
}

// Quarantine says that a worker computes wrongly. It gets no more blocks and is
// not admitted again; a Drop follows if it is a member.
type Quarantine struct {
	Worker proto.WorkerID
	Why    string
}

// Redo says that the round begins anew: what was folded is forgotten.
type Redo struct {
	Round proto.Round
	Why   string
}

// Complete says that every micro-shard of the round is folded.
type Complete struct {
	Round proto.Round
	Why   string
}

// Drop forgets a worker; whatever it says next is answered with "join again".
type Drop struct {
	Worker proto.WorkerID
	Why    string
}

// Rejoin tells a worker that the plan does not know to say hello again.
type Rejoin struct {
	Worker proto.WorkerID
	Why    string
}

// Waiting says that the run stands still for want of workers; Resumed that it goes on.
type (
	Waiting struct{ Why string }
	Resumed struct{ Why string }
)

func (Assign) command()     {}
func (Wait) command()       {}
func (Fold) command()       {}
func (Ignore) command()     {}
func (Doubt) command()      {}
func (Wrong) command()      {}
func (Alarm) command()      {}
func (Undecided) command()  {}
func (Quarantine) command() {}
func (Redo) command()       {}
func (Complete) command()   {}
func (Drop) command()       {}
func (Rejoin) command()     {}
func (Waiting) command()    {}
func (Resumed) command()    {}

// String says in one line that the plan gives out a block, and why.
func (c Assign) String() string {
	return fmt.Sprintf("assign %s %s task %d: %s", c.Worker, c.Block, c.Task, c.Why)
}

// String says in one line that the plan lets a worker wait, and why.
func (c Wait) String() string { return fmt.Sprintf("wait %s: %s", c.Worker, c.Why) }

// String says in one line that the plan takes a partial, and why.
func (c Fold) String() string { return fmt.Sprintf("fold %s %s: %s", c.Worker, c.Block, c.Why) }

// String says in one line that the plan passes a partial over, and why.
func (c Ignore) String() string { return fmt.Sprintf("ignore %s %s: %s", c.Worker, c.Block, c.Why) }

// String says in one line that the plan doubts a partial, and why.
func (c Doubt) String() string { return fmt.Sprintf("doubt %s %s: %s", c.Worker, c.Block, c.Why) }

// String says in one line that the plan finds a partial wrong, and why.
func (c Wrong) String() string { return fmt.Sprintf("wrong %s %s: %s", c.Worker, c.Block, c.Why) }

// String says in one line that the plan ends a round, and why.
func (c Complete) String() string { return fmt.Sprintf("complete %d: %s", c.Round, c.Why) }

// String says in one line that the plan shuts a worker out, and why.
func (c Quarantine) String() string { return fmt.Sprintf("quarantine %s: %s", c.Worker, c.Why) }

// String says in one line that the plan begins a round anew, and why.
func (c Redo) String() string { return fmt.Sprintf("redo %d: %s", c.Round, c.Why) }

// String says in one line that the plan leaves a dispute open, and why.
func (c Undecided) String() string {
	return fmt.Sprintf("undecided %s on %s: %s", join(c.Workers), c.Block, c.Why)
}

// String says in one line that the plan gives a worker up, and why.
func (c Drop) String() string { return fmt.Sprintf("drop %s: %s", c.Worker, c.Why) }

// String says in one line that the plan takes a worker back, and why.
func (c Rejoin) String() string { return fmt.Sprintf("rejoin %s: %s", c.Worker, c.Why) }

// String says in one line that the plan waits for workers, and why.
func (c Waiting) String() string { return "waiting: " + c.Why }

// String says in one line that the plan goes on, and why.
func (c Resumed) String() string { return "resumed: " + c.Why }

// String says in one line that the plan finds two partials of a block different, and why.
func (c Alarm) String() string {
	return fmt.Sprintf("alarm %s and %s differ on %s: %s", c.First, c.Second, c.Block, c.Why)
}
