package lead

import (
	"context"
	"fmt"

	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/proto/bus"
)

// History is what a commit log says to a coordinator that takes the run up.
type History struct {
	Last   uint64      // number of the newest record; 0: the log is empty
	Term   proto.Term  // term of the newest record
	Origin proto.Term  // term in which the run began
	From   uint64      // number from which Records are
	Born   proto.Start // the start that began it
	Ended  bool        // the run is complete
	// Settings is what the run was asked for; empty: no record tells.
	Settings string
	// Checkpoint is the newest one in the object store, or nil.
	Checkpoint *proto.Commit
	// Records are all since the checkpoint, or since the run began.
	Records []Record
}

// Record is a commit and its number in the log.
type Record struct {
	Number uint64
	proto.Commit
}

// readBatch bounds the records of one request.
const readBatch = 4096

// Read returns what a run's log says.
func Read(ctx context.Context, log bus.Log, run proto.RunID) (History, error) {
	last, err := log.Last(ctx)
	if err != nil || last.Number == 0 {
		return History{}, err
	}
	newest, err := decode(last, run)
	if err != nil {
		return History{}, err
	}
	h := History{Last: last.Number, Term: newest.Term, Origin: newest.Origin, Born: newest.Born, From: newest.From,
		Ended: newest.Kind == proto.EndCommit}
	if h.From == 0 {
		h.From = last.Number
	}
	for at := h.From; at <= h.Last; {
		batch, err := log.Read(ctx, at, int(min(readBatch, h.Last-at+1)))
		if err != nil {
			return History{}, err
		}
		if len(batch) == 0 {
			break // older ones are gone
		}
		for _, r := range batch {
			c, err := decode(r, run)
			if err != nil {
				return History{}, err
			}
			h.add(c)
		}
		at = batch[len(batch)-1].Number + 1
	}
	return h, nil
}

func (h *History) add(r Record) {
	if r.Kind == proto.CheckpointCommit && r.Origin == h.Origin {
		c := r.Commit
		h.Checkpoint = &c
	}
	if r.Settings != "" && r.Origin == h.Origin {
		h.Settings = r.Settings
	}
	h.Records = append(h.Records, r)
}

func decode(r bus.Record, run proto.RunID) (Record, error) {
	out := Record{Number: r.Number}
	err := proto.Decode(r.Data, &out.Commit)
	if err == nil && out.Run != run {
		err = fmt.Errorf("it is of run %s", out.Run)
	}
	if err != nil {
		return out, fmt.Errorf("record %d of the commit log of run %s: %w: the log is damaged or not ours: remove its stream, then "+
			"continue from the run directory with tinygrow coordinator --resume", r.Number, run, err)
	}
	return out, nil
}
