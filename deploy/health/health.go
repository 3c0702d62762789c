// Package health lets a process show that it is alive and another one look:
// through a small file, and to systemd through its notification socket. A
// process says so from the loop that does its work, so a loop that hangs shows,
// and says when it last got anywhere, so that a loop that turns idly shows too.
// The package restarts nothing but what Quit is told to.
package health

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"time"

	"github.com/tinygrow/tinygrow/proto"
	files "github.com/tinygrow/tinygrow/proto/file"
)

// Status is what a process says of itself.
type Status struct {
	Role  string    `json:"role"`
	State string    `json:"state"` // what it does, in words
	PID   int       `json:"pid"`
	At    time.Time `json:"at"`
	// Progress is when the process last got anywhere: a round, a part of one, an
	// answer to a request or, while it waits for others, of the server.
	Progress time.Time `json:"progress_at"`
}

// Reporter writes a process's status. It may be used by several goroutines.
type Reporter struct {
	file   string
	role   string
	socket string // path of systemd's socket; empty: none

	mu    sync.Mutex
	now   func() time.Time
	last  Status
	ready bool
	moved time.Time
}

// interval is the least time between two reports of the same state.
const interval = time.Second

// NewReporter returns a reporter to a file, if that is not empty, and to
// systemd, if that listens.
func NewReporter(role proto.Role, file string) *Reporter {
	return &Reporter{file: file, role: string(role), socket: os.Getenv("NOTIFY_SOCKET"), now: time.Now, moved: time.Now()}
}

// Stall is how long a process may get nowhere before systemd hears no more of it.
const Stall = 10 * time.Minute

// Progress says that the process got somewhere; the next sign of life tells it.
// It is cheap to call often.
func (r *Reporter) Progress() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.moved = r.now()
}

// Alive says that the process is alive, and what it does. It is cheap to call often.
func (r *Reporter) Alive(state string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.now()
	if now.Sub(r.last.At) < interval && !r.last.At.IsZero() {
		return nil
	}
	r.last = Status{Role: r.role, State: proto.Printable(state), PID: os.Getpid(), At: now, Progress: r.moved}
	return errors.Join(r.write(), r.notify())
}

func (r *Reporter) write() error {
	if r.file == "" {
		return nil
	}
	text, err := json.Marshal(r.last)
	if err != nil {
		return err
	}
	fresh := fmt.Sprintf("%s.%d", r.file, r.last.PID)
	if err := os.WriteFile(fresh, append(text, '\n'), 0o644); err != nil {
		return err
	}
	return os.Rename(fresh, r.file)
}

// notify speaks the protocol of sd_notify(3).
func (r *Reporter) notify() error {
	if r.socket == "" || r.last.At.Sub(r.last.Progress) > Stall {
		return nil
	}
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: r.socket, Net: "unixgram"})
	if err != nil {
		return fmt.Errorf("notify systemd: %w", err)
	}
	defer conn.Close()
	message := "WATCHDOG=1\nSTATUS=" + r.last.State
	if !r.ready {
		message = "READY=1\n" + message
	}
	if _, err := conn.Write([]byte(message)); err != nil {
		return fmt.Errorf("notify systemd: %w", err)
	}
	r.ready = true
	return nil
}

var (
	// ErrSilent is returned by Check when the last sign of life is too old, or
	// there is none.
	ErrSilent = errors.New("no sign of life")
	// ErrStalled is returned by Check when a process lives and gets nowhere.
	ErrStalled = errors.New("no progress")
)

// maxStatus bounds the file, in bytes.
const maxStatus = 1 << 20

// Check reads the status of the process that writes file, which must have given
// a sign of life within patience and got somewhere within stall. The status is
// valid with an error too, if there is any.
func Check(file string, now time.Time, patience, stall time.Duration) (Status, error) {
	text, err := files.Read(file, maxStatus)
	if err != nil {
		return Status{}, fmt.Errorf("%w: %w", ErrSilent, err)
	}
	var s Status
	if err := json.Unmarshal(text, &s); err != nil {
		return Status{}, fmt.Errorf("%w: %s: %w", ErrSilent, file, err)
	}
	if age := now.Sub(s.At); age > patience {
		return s, fmt.Errorf("%w of the %s for %s, which was: %s", ErrSilent, s.Role, age.Round(time.Second), s.State)
	}
	if age := now.Sub(s.Progress); age > stall {
		return s, fmt.Errorf("%w of the %s for %s, which is: %s", ErrStalled, s.Role, age.Round(time.Second), s.State)
	}
	return s, nil
}
