package proto

import (
	"errors"
	"fmt"
)

// CommitKind is what a record of the commit log says.
type CommitKind string

// The kinds of commits.
const (
	TermCommit       CommitKind = "term"       // a coordinator took the run up, at Step
	StepCommit       CommitKind = "step"       // Step was made; Digest is the state after it
	GrowthCommit     CommitKind = "growth"     // growth was decided behind Step; Digest is the state after it
	CheckpointCommit CommitKind = "checkpoint" // the state of Step lies in the object store
	EndCommit        CommitKind = "end"        // the run is complete
)

// Commit is a record of a run's commit log. The log is what decides which
// coordinator leads: a record is added behind the newest one that its writer
// knows, or not at all.
type Commit struct {
	Head
	Kind       CommitKind `msgpack:"kind"`
	Step       Step       `msgpack:"step"`
	Generation Generation `msgpack:"generation"`
	// Digest is of architecture, weights and optimizer state, in hexadecimal.
	Digest string `msgpack:"digest"`
	// Holder names the coordinator for people.
	Holder string `msgpack:"holder"`
	// Origin is the term that began the run. What lies on disk of earlier terms
	// is another run's that had the same id.
	Origin Term `msgpack:"origin"`
	// Born is the start that began the run: nobody else's run has it.
	Born Start `msgpack:"born"`
	// From is the number of the record from which a successor has to read: the
	// newest checkpoint's, or the run's first. 0 is this record itself.
	From uint64 `msgpack:"from"`
	// Object is where a checkpoint lies.
	Object string `msgpack:"object,omitempty"`
	// Settings is what the run was asked for, for others of the same id: its
	// settings that decide bits. They stand in the records from which a
	// successor reads.
	Settings string `msgpack:"settings,omitempty"`
}

// MaxSettings is the longest Settings of a commit, in bytes.
const MaxSettings = 8 << 10

func (m *Commit) check() error {
	errs := []error{text("digest", m.Digest), text("holder", m.Holder), text("object", m.Object), m.Born.Validate(),
		within("bytes of settings", len(m.Settings), bounds{0, MaxSettings})}
	switch m.Kind {
	case TermCommit, StepCommit, GrowthCommit, CheckpointCommit, EndCommit:
	default:
		errs = append(errs, fmt.Errorf("commit of unknown kind %.40q", string(m.Kind)))
	}
	if m.Origin > m.Term {
		errs = append(errs, fmt.Errorf("term %d of a run that began in term %d", m.Term, m.Origin))
	}
	return errors.Join(errs...)
}

// Lease says who leads a run; whoever leads writes it again and again.
type Lease struct {
	Head
	Holder string `msgpack:"holder"`
	// Released says that the holder gave the run up.
	Released bool `msgpack:"released,omitempty"`
}

func (m *Lease) check() error { return text("holder", m.Holder) }
