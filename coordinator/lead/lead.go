package lead

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/proto/bus"
	"github.com/tinygrow/tinygrow/proto/pause"
)

var (
	// ErrFenced is returned when another coordinator took the run up: this one
	// must stop. Nothing is lost, the other goes on.
	ErrFenced = errors.New("another coordinator took the run up")
	// ErrHeld is returned when another coordinator leads the run.
	ErrHeld = errors.New("another coordinator leads the run")
	// ErrShort is returned when records that were acknowledged are gone.
	ErrShort = errors.New("the commit log lost records")
)

// Options of a Lead.
type Options struct {
	Run proto.RunID
	// Silence is how long a lease may go without being renewed before others
	// take it; it is renewed eight times as often.
	Silence time.Duration
	// Dir is the run directory, by which people tell coordinators apart.
	Dir string
	// Replicas is on how many servers log and lease lie; 0 means 1.
	Replicas int
}

// System is what lasts: a NATS server with JetStream, or a stand-in.
type System interface {
	bus.Logs
	bus.ObjectStores
}

// Lead is a coordinator's hold on a run.
type Lead struct {
	o       Options
	holder  string
	start   proto.Start
	log     bus.Log
	lease   bus.Log
	objects bus.Objects

	number uint64 // number of the lease's record
	taken  bool   // another has the lease; both belong to the renewing goroutine while that runs
	lost   chan error
	stop   context.CancelFunc
	group  sync.WaitGroup
}

// Open opens log, lease and checkpoints of a run. It returns bus.ErrNoLogs if there can be none.
func Open(ctx context.Context, s System, o Options) (*Lead, error) {
	if err := o.Run.Validate(); err != nil {
		return nil, err
	}
	l := &Lead{o: o, holder: Here(o.Dir), start: proto.NewStart(), lost: make(chan error, 1)}
	var err error
	if l.log, err = s.OpenLog(ctx, bus.LogOptions{Name: "tg-log-" + string(o.Run), Subject: o.Run.LogSubject(),
		Replicas: o.Replicas}); err != nil {
		return nil, err
	}
	if l.lease, err = s.OpenLog(ctx, bus.LogOptions{Name: "tg-lease-" + string(o.Run), Subject: o.Run.LeaseSubject(), Keep: 1,
		Volatile: true, Replicas: o.Replicas}); err != nil {
		return nil, err
	}
	l.objects, err = s.OpenObjects(ctx, bus.ObjectOptions{Name: "tg-checkpoints-" + string(o.Run), Replicas: o.Replicas})
	return l, err
}

// Here names a coordinator of this process for people: its host, and where its run lies.
func Here(dir string) string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown-host"
	}
	if abs, err := filepath.Abs(dir); err == nil && dir != "" {
		return proto.Printable(fmt.Sprintf("%s, process %d, directory %s", host, os.Getpid(), abs))
	}
	return proto.Printable(fmt.Sprintf("%s, process %d", host, os.Getpid()))
}

// Holder names this coordinator for people.
func (l *Lead) Holder() string { return l.holder }

// Start tells this coordinator from all others.
func (l *Lead) Start() proto.Start { return l.start }

// Run returns the run that is led.
func (l *Lead) Run() proto.RunID { return l.o.Run }

// Objects is where the run's checkpoints lie for others.
func (l *Lead) Objects() bus.Objects { return l.objects }

// History reads what the log says.
func (l *Lead) History(ctx context.Context) (History, error) { return Read(ctx, l.log, l.o.Run) }

// Append adds c behind record number after. It tries until the log says
// whether it has the record; waiting is told about the first failure that
// lasts. It returns ErrFenced when another coordinator was there first.
func (l *Lead) Append(ctx context.Context, after uint64, c *proto.Commit, waiting func(error)) error {
	began, told := time.Now(), false
	for {
		err := l.Try(ctx, after, c)
		if err == nil || errors.Is(err, ErrFenced) || errors.Is(err, ErrShort) {
			return err
		}
		if ctx.Err() != nil {
			return fmt.Errorf("commit log of run %s: %w", l.o.Run, err)
		}
		if !told && time.Since(began) > l.o.Silence {
			told = true
			waiting(err)
		}
		_ = pause.For(ctx, 100*time.Millisecond) // the loop sees that ctx ended
	}
}

// Try adds c behind record number after, or finds it there. It returns nil,
// ErrFenced or ErrShort when it knows, and another error when it does not.
func (l *Lead) Try(ctx context.Context, after uint64, c *proto.Commit) error {
	data, err := proto.Marshal(c)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, l.o.Silence)
	defer cancel()
	_, err = l.log.Append(ctx, after, data)
	if !errors.Is(err, bus.ErrConflict) {
		return err
	}
	there, err := l.log.Read(ctx, after+1, 1)
	switch {
	case err != nil:
		return err
	case len(there) == 0:
		return l.missing(ctx, after)
	case there[0].Number == after+1 && bytes.Equal(there[0].Data, data):
		return nil // an acknowledgement was lost
	}
	other, err := decode(there[0], l.o.Run)
	if err != nil {
		return err
	}
	return l.fenced(other.Holder, other.Term)
}

// missing says why a record could not be added behind number after, though none
// stands there.
func (l *Lead) missing(ctx context.Context, after uint64) error {
	last, err := l.log.Last(ctx)
	switch {
	case err != nil:
		return err
	case last.Number < after:
		return fmt.Errorf("%w: run %s had %d and goes on at fewer: was the NATS server's store deleted? Continue from the run "+
			"directory with tinygrow coordinator --resume", ErrShort, l.o.Run, after)
	}
	return fmt.Errorf("a record behind number %d is on its way between the servers", after)
}

func (l *Lead) fenced(holder string, term proto.Term) error {
	return fmt.Errorf("%w: run %s is led by %s in term %d: this coordinator stops, the run goes on there; to stand by for it, start "+
		"this one with --standby", ErrFenced, l.o.Run, holder, term)
}
