package ui

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"time"

	"github.com/tinygrow/tinygrow/coordinator/view"
)

// Bounds of what a Server keeps.
const (
	maxOpen    = 24  // runs in memory
	maxViewers = 256 // viewers of all runs together
	maxFrames  = 32  // a viewer may be so many behind before it gets the newest account instead
)

// interval is how often the files of a run are looked at while somebody watches,
// longInterval while crowd viewers or more do: what they cost a second stays bounded.
const (
	interval     = 500 * time.Millisecond
	longInterval = 2 * time.Second
	crowd        = 64
)

// pause is how long a feed with so many viewers waits between two looks.
func pause(viewers int) time.Duration {
	return interval + (longInterval-interval)*time.Duration(min(max(viewers-1, 0), crowd))/crowd
}

var errBusy = errors.New("too many pages are open: close some")

// feeds are the runs that are open, the most recently used ones.
type feeds struct {
	server  *Server
	mu      sync.Mutex
	byName  map[string]*feed
	used    []string // names, the last used at the end
	viewers int
	group   sync.WaitGroup
}

// feed is one run, read for all who look at it.
type feed struct {
	ours *Live // the run that this process coordinates; nil: it coordinates none
	live *Live // ours, once it is known to be this run

	mu      sync.Mutex
	run     *view.Run
	mark    view.Mark // what the frames lead to
	frames  [][]byte  // the newest ones, of which the last has number count
	count   uint64
	told    uint64 // version of live
	fault   string // why the files cannot be read at the moment
	viewers int
	stop    context.CancelFunc // ends the goroutine that runs while there are viewers
	news    chan struct{}      // closed when a frame was added
}

// update is what a page is told.
type update struct {
	view.Update
	Live  *Status `json:"live,omitempty"`
	Fault string  `json:"fault,omitempty"`
}

// open returns the feed of the run of a name.
func (f *feeds) open(name string) (*feed, error) {
	dir, err := f.server.library.Dir(name)
	if err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if one := f.byName[name]; one != nil {
		f.touch(name)
		return one, nil
	}
	run, err := view.Open(dir)
	if run == nil || err != nil && run.Info().Name == "" {
		return nil, err
	}
	one := &feed{run: run, ours: f.server.options.Live, news: make(chan struct{})}
	if err != nil {
		one.fault = err.Error()
	}
	if f.byName == nil {
		f.byName = map[string]*feed{}
	}
	f.byName[name] = one
	f.touch(name)
	f.forget()
	return one, nil
}

// touch makes a name the one used last. The lock is held.
func (f *feeds) touch(name string) {
	for i, n := range f.used {
		if n == name {
			f.used = append(f.used[:i], f.used[i+1:]...)
			break
		}
	}
	f.used = append(f.used, name)
}

// forget closes runs that nobody looks at until few enough are open. The lock is held.
func (f *feeds) forget() {
	for i := 0; i < len(f.used) && len(f.used) > maxOpen; {
		one := f.byName[f.used[i]]
		one.mu.Lock()
		idle := one.viewers == 0
		one.mu.Unlock()
		if !idle {
			i++
			continue
		}
		delete(f.byName, f.used[i])
		f.used = append(f.used[:i], f.used[i+1:]...)
	}
}

// watch counts a viewer of one in; the run is followed from the first one on.
func (f *feeds) watch(one *feed) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.viewers >= maxViewers {
		return errBusy
	}
	f.viewers++
	one.mu.Lock()
	defer one.mu.Unlock()
	if one.viewers++; one.viewers == 1 {
		ctx, stop := context.WithCancel(context.Background())
		one.stop = stop
		f.group.Go(func() { one.follow(ctx) })
	}
	return nil
}

// leave counts a viewer out.
func (f *feeds) leave(one *feed) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.viewers--
	one.mu.Lock()
	defer one.mu.Unlock()
	if one.viewers--; one.viewers == 0 {
		one.stop()
		f.forgetLater()
	}
}

// forgetLater closes runs once the lock of the one at hand is free.
func (f *feeds) forgetLater() {
	f.group.Go(func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.forget()
	})
}

// close waits for all goroutines; the handlers have returned before.
func (f *feeds) close() { f.group.Wait() }

// follow adds frames as the run goes on.
func (one *feed) follow(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
			one.tick()
			one.mu.Lock()
			timer.Reset(pause(one.viewers))
			one.mu.Unlock()
		case <-ctx.Done():
			return
		}
	}
}

// tick adds a frame with what is new, if anything is.
func (one *feed) tick() {
	one.mu.Lock()
	defer one.mu.Unlock()
	changed, err := one.run.Refresh()
	fault := ""
	if err != nil {
		fault = err.Error()
	}
	changed = changed || fault != one.fault
	one.fault = fault
	u := update{Fault: fault}
	if status, version := one.status(); status != nil && version != one.told {
		u.Live, one.told, changed = status, version, true
	}
	if !changed {
		return
	}
	u.Update, one.mark = one.run.Since(one.mark)
	frame, err := json.Marshal(u)
	if err != nil {
		return // the numbers of a run can all be encoded
	}
	one.count++
	one.frames = append(one.frames, frame)
	one.frames = one.frames[max(0, len(one.frames)-maxFrames):]
	close(one.news)
	one.news = make(chan struct{})
}

// whole returns all of the run. The lock is held.
func (one *feed) whole() update {
	u := update{Fault: one.fault}
	u.Update, _ = one.run.Since(view.Mark{})
	u.Live, _ = one.status()
	return u
}

// status returns what only the coordinator knows, nil where that is another process.
// The lock is held.
func (one *feed) status() (*Status, uint64) {
	if one.live == nil && one.ours != nil && sameDir(one.ours.Dir(), one.run.Dir()) {
		one.live = one.ours
	}
	if one.live == nil {
		return nil, 0
	}
	status, version := one.live.Status()
	return &status, version
}

// next returns the frame that follows number seen, its number, and a channel that
// is closed when there is another one; no frame if there is none yet. A viewer that
// is too far behind, or at the beginning, gets all of the run.
func (one *feed) next(seen uint64, begin bool) (frame []byte, number uint64, more <-chan struct{}, err error) {
	one.mu.Lock()
	defer one.mu.Unlock()
	behind := one.count - seen
	switch {
	case begin || behind > uint64(len(one.frames)):
		frame, err = json.Marshal(one.whole())
		return frame, one.count, one.news, err
	case behind == 0:
		return nil, seen, one.news, nil
	}
	return one.frames[uint64(len(one.frames))-behind], seen + 1, one.news, nil
}

// snapshot returns all of the run as it is now.
func (one *feed) snapshot() (any, error) {
	one.mu.Lock()
	defer one.mu.Unlock()
	if one.viewers == 0 {
		_, err := one.run.Refresh()
		one.fault = ""
		if err != nil {
			one.fault = err.Error()
		}
	}
	return one.whole(), nil
}

func (one *feed) filters() (any, error) {
	one.mu.Lock()
	defer one.mu.Unlock()
	return one.run.Filters()
}

func (one *feed) assessment() (any, error) { return view.ReadAssessment(one.run.Dir()) }

func (one *feed) detail(number int) (any, error) {
	one.mu.Lock()
	defer one.mu.Unlock()
	return one.run.Detail(number)
}
