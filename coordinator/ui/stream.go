package ui

import (
	"errors"
	"io"
	"log"
	"net/http"
	"os"
	"strconv"
	"time"

	"github.com/tinygrow/tinygrow/coordinator/checkpoint"
)

// patience is how long a viewer may take for one update before it is let go.
const patience = 10 * time.Second

// silence is after how long without news a viewer is told that the server is there.
const silence = 15 * time.Second

// stream tells a viewer of a run's news as server-sent events, until it goes, or
// is too slow, or the server stops.
func (s *Server) stream(w http.ResponseWriter, r *http.Request) {
	f, err := s.appears(w, r)
	if err == nil {
		err = s.feeds.watch(f)
	}
	if err != nil {
		refuse(w, err)
		return
	}
	defer s.feeds.leave(f)
	w.Header().Set("Content-Type", "text/event-stream")
	out := viewer{w, http.NewResponseController(w)}
	if out.send("retry: 1000\n\n") != nil {
		return
	}
	idle := time.NewTimer(silence)
	defer idle.Stop()
	number, begin := uint64(0), true
	for {
		frame, at, more, err := f.next(number, begin)
		if err != nil {
			return
		}
		if frame != nil {
			number, begin = at, false
			if out.send("id: "+strconv.FormatUint(at, 10)+"\nevent: update\ndata: ", string(frame), "\n\n") != nil {
				return
			}
			idle.Reset(silence)
			continue
		}
		select {
		case <-more:
		case <-idle.C:
			if out.send(": still here\n\n") != nil {
				return
			}
			idle.Reset(silence)
		case <-r.Context().Done():
			return
		}
	}
}

// appears opens the run that the request names. Where it is the only one, and its
// coordinator has not made it yet, the viewer waits for it.
func (s *Server) appears(w http.ResponseWriter, r *http.Request) (*feed, error) {
	name := r.PathValue("name")
	f, err := s.feeds.open(name)
	if !errors.Is(err, checkpoint.ErrNoRun) || s.library.Single() != name {
		return f, err
	}
	w.Header().Set("Content-Type", "text/event-stream")
	out := viewer{w, http.NewResponseController(w)}
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for errors.Is(err, checkpoint.ErrNoRun) {
		if err := out.send(": the run has not begun\n\n"); err != nil {
			return nil, err
		}
		select {
		case <-ticker.C:
			f, err = s.feeds.open(name)
		case <-r.Context().Done():
			return nil, r.Context().Err()
		}
	}
	return f, err
}

// viewer is who gets a stream.
type viewer struct {
	w       io.Writer
	control *http.ResponseController
}

// send writes and flushes within patience.
func (v viewer) send(parts ...string) error {
	if err := v.control.SetWriteDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	for _, p := range parts {
		if _, err := io.WriteString(v.w, p); err != nil {
			return err
		}
	}
	return v.control.Flush()
}

// silent is where what the HTTP library has to say about single connections goes:
// people who look at pages come and go, and a run's terminal is no place for it.
func silent() *log.Logger { return log.New(io.Discard, "", 0) }

// sameDir reports whether two paths name the same directory.
func sameDir(a, b string) bool {
	if a == b {
		return true
	}
	x, err := os.Stat(a)
	if err != nil {
		return false
	}
	y, err := os.Stat(b)
	return err == nil && os.SameFile(x, y)
}
