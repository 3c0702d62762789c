package bus

import (
	"context"
	"errors"
)

// Log is a list of records that outlasts whoever writes to it. Its methods may
// be called concurrently, from any number of processes.
type Log interface {
	// Append adds a record behind the one of number after, which must be the
	// newest (0: the log never had any), and returns the new one's number once
	// it lasts. It returns ErrConflict when another is the newest. After any
	// other error the record may stand in the log or not: see Last.
	Append(ctx context.Context, after uint64, data []byte) (number uint64, err error)
	// Read returns up to n records from number from on, those that are gone left out.
	Read(ctx context.Context, from uint64, n int) ([]Record, error)
	// Last returns the newest record, or the zero Record if there is none.
	Last(ctx context.Context) (Record, error)
}

// Record is an entry of a log. Numbers ascend by one from 1.
type Record struct {
	Number uint64
	Data   []byte
}

// Logs makes and opens logs.
type Logs interface {
	// OpenLog returns the log of that name, after making it if need be. It
	// returns ErrNoLogs when the system keeps none.
	OpenLog(ctx context.Context, o LogOptions) (Log, error)
}

// LogOptions say what a log is like. The first to open it decides.
type LogOptions struct {
	Name    string // letters, digits, - and _
	Subject string // on which records are published, of this log alone
	// Keep is how many of the newest records stay; 0 means 262,144.
	Keep int
	// Volatile logs lie in memory: they are quick, and begin at 1 again when
	// the server does.
	Volatile bool
	// Replicas is on how many servers of a cluster a record lies before it is
	// acknowledged; 0 means 1.
	Replicas int
}

var (
	// ErrConflict is returned by Append when the log goes on otherwise.
	ErrConflict = errors.New("another record stands there")
	// ErrNoLogs is returned by OpenLog when the server keeps no logs: it runs
	// without JetStream, or this role may not use it.
	ErrNoLogs = errors.New("the server keeps no logs (JetStream)")
	// ErrNoStream is returned by Append when nobody keeps the log any more.
	ErrNoStream = errors.New("JetStream is off on the NATS server, or the stream is gone: a server turns it off when its disk is full: " +
		"free the disk, then start the server again")
	// ErrFull is returned by Append and Put when the server has no room.
	ErrFull = errors.New("the store of the NATS server is full: remove streams that nobody needs (nats stream ls, nats stream rm), " +
		"free its disk, or raise max_file_store")
)

// WithDefaults returns the options with what stands for zeros.
func (o LogOptions) WithDefaults() LogOptions {
	if o.Keep == 0 {
		o.Keep = 1 << 18
	}
	o.Replicas = max(o.Replicas, 1)
	return o
}
