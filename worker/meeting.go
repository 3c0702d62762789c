package worker

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/gofrs/flock"
	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/worker/quota"
)

// meeting is a directory in which workers of one host know of each other. Each has a file,
// whose name tells its threads, and holds a lock on it, which ends with its process. Who has the lock of
// leadFile computes for all; it touches that file, and leaves a word in it when the run
// is over.
type meeting struct {
	dir      string
	every    time.Duration // how often those who stand by look
	patience time.Duration // how long the file of the leader may stay untouched
	own      *flock.Flock
	lock     *flock.Flock
	self     member
}

// member is what a worker tells of itself.
type member struct {
	name  string
	hands hands
}

const (
	leadFile   = "lead.lock"
	memberFile = ".member"
	endedWord  = "ended"
)

// meet joins those in dir.
func meet(dir string, cfg Config) (*meeting, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	m := &meeting{dir: dir, every: 250 * time.Millisecond, patience: 10 * time.Second,
		lock: flock.New(filepath.Join(dir, leadFile), flock.SetPermissions(0o600)),
		self: member{name: string(cfg.ID) + "-" + string(proto.NewNonce()), hands: hands{cfg.Threads, cfg.shared}}}
	path := filepath.Join(dir, m.self.file())
	fresh := path + ".new" // nobody looks at it before it is locked
	m.own = flock.New(fresh, flock.SetPermissions(0o600))
	if got, err := m.own.TryLock(); err != nil || !got {
		return nil, errors.Join(err, m.own.Close(), os.Remove(fresh))
	}
	if err := os.Rename(fresh, path); err != nil {
		return nil, errors.Join(err, m.own.Close(), os.Remove(fresh))
	}
	return m, nil
}

// file returns the name of a member's file.
func (w member) file() string {
	kind := "own"
	if w.hands.shared {
		kind = "shared"
	}
	return fmt.Sprintf("%s.%d.%s%s", w.name, w.hands.threads, kind, memberFile)
}

// parseMember reads the name of a file.
func parseMember(file string) (hands, bool) {
	parts := strings.Split(strings.TrimSuffix(file, memberFile), ".")
	if len(parts) < 3 {
		return hands{}, false
	}
	n, err := strconv.Atoi(parts[len(parts)-2])
	kind := parts[len(parts)-1]
	return hands{n, kind == "shared"}, err == nil && n > 0 && n <= quota.MaxThreads && (kind == "shared" || kind == "own")
}

// leave takes this worker's file away.
func (m *meeting) leave() {
	if m.own != nil {
		os.Remove(filepath.Join(m.dir, m.self.file()))
		m.own.Close()
		m.own = nil
	}
	m.lock.Close()
}

// tryLead takes the lock of the leader if it is free; ended says that the last one saw the
// end of the run.
func (m *meeting) tryLead() (got, ended bool, err error) {
	if got, err = m.lock.TryLock(); err != nil || !got {
		return false, false, err
	}
	word, err := os.ReadFile(m.lock.Path())
	if err != nil {
		return false, false, errors.Join(err, m.lock.Close())
	}
	return true, string(word) == endedWord, nil
}

// beat returns when the leader touched its file.
func (m *meeting) beat() time.Time {
	info, err := os.Stat(m.lock.Path())
	if err != nil {
		return time.Time{}
	}
	return info.ModTime()
}

// lead touches the file of the leader until stop, which is told whether the run ended.
func (m *meeting) lead() (stop func(ended bool)) {
	done, gone := make(chan struct{}), make(chan struct{})
	_ = os.Truncate(m.lock.Path(), 0)                                          // a word of an earlier run is none of this one
	touch := func() { _ = os.Chtimes(m.lock.Path(), time.Time{}, time.Now()) } // who waits goes on by itself if it fails
	go func() {
		defer close(gone)
		tick := time.NewTicker(m.patience / 10)
		defer tick.Stop()
		for touch(); ; touch() {
			select {
			case <-tick.C:
			case <-done:
				return
			}
		}
	}()
	return func(ended bool) {
		close(done)
		<-gone
		if ended {
			_ = os.WriteFile(m.lock.Path(), []byte(endedWord), 0o600) // who comes after waits for a coordinator if it fails
		}
	}
}

// hands returns what all members have: the threads of those that have some of their own, and once
// those that are the host's. What dead ones left is removed.
func (m *meeting) hands() hands {
	total, pool, shared := 0, 0, m.self.hands.shared
	add := func(h hands) {
		if h.shared {
			pool = max(pool, h.threads)
		} else {
			total += h.threads
		}
		shared = shared && h.shared
	}
	add(m.self.hands)
	files, _ := filepath.Glob(filepath.Join(m.dir, "*"+memberFile)) // a bad pattern in the path matches nothing
	for _, path := range files {
		h, ok := parseMember(filepath.Base(path))
		if filepath.Base(path) == m.self.file() || !ok {
			continue
		}
		f := flock.New(path, flock.SetFlag(os.O_RDONLY))
		if got, err := f.TryLock(); got {
			os.Remove(path)
			f.Close()
			continue
		} else if err != nil {
			continue // it went meanwhile
		}
		add(h)
	}
	return hands{min(total+pool, quota.MaxThreads), shared}
}
