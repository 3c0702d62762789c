package checkpoint

import (
	"bytes"
	"cmp"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/gofrs/flock"
)

const noteLocks = "the file system has no locks: the file " + ownerFile + " says instead which process works on this run; " +
	"after a crash another one waits until that has stood still for a while"

// claims is how a process makes a directory its own: by a lock of the operating
// system, which ends with the process, and by a file that names the owner. Where
// there are no locks the file alone decides: it is made by whoever finds none,
// its owner writes it again every beat, and one that was not written for
// patience, by the clock of the process that wants the directory, or whose owner
// died on this machine, is stale. The zero value stands for the defaults in brackets.
type claims struct {
	beat     time.Duration // [2 s]
	patience time.Duration // [15 s]
}

// claim is a directory that is this process's own. A goroutine writes the owner
// file until release.
type claim struct {
	claims
	file string
	lock *flock.Flock // nil: the file system has none
	me   owner

	mu    sync.Mutex
	lost  error
	stop  chan struct{}
	group sync.WaitGroup
}

// take makes dir this process's own, or returns ErrLocked.
func (o claims) take(dir string, d *disk) (*claim, error) {
	o.beat, o.patience = cmp.Or(o.beat, 2*time.Second), cmp.Or(o.patience, 15*time.Second)
	c := &claim{claims: o, file: filepath.Join(dir, ownerFile), me: thisProcess(), stop: make(chan struct{})}
	lock := flock.New(filepath.Join(dir, lockFile), flock.SetPermissions(0o644))
	got, err := system.lock(lock)
	switch {
	case among(err, noLocks):
		d.note(noteLocks)
		err = lock.Close()
	case err == nil && !got:
		err = c.locked()
	case err == nil:
		c.lock, c.me.Locked = lock, true
	}
	if err == nil {
		err = c.own()
	}
	if err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	c.group.Go(c.keep)
	return c, nil
}

// locked tells who has the directory, as far as that is known.
func (c *claim) locked() error {
	other, err := readOwner(c.file)
	if err != nil {
		return fmt.Errorf("%s: %w", filepath.Dir(c.file), ErrLocked)
	}
	return fmt.Errorf("%s: %w: process %d on %s", filepath.Dir(c.file), ErrLocked, other.PID, other.Host)
}

// own makes the owner file. One that is there counts unless its owner is gone.
func (c *claim) own() error {
	for {
		err := c.create()
		if !errors.Is(err, fs.ErrExist) {
			return err
		}
		other, err := readOwner(c.file)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			continue
		case err != nil:
			other = owner{} // it is being made, or that was cut short
		}
		switch {
		case c.lock != nil && other.Locked, other.dead():
		case !c.still(other):
			return c.locked()
		}
		if err := c.remove(other); err != nil {
			return err
		}
	}
}

// still watches the file of another owner, and reports whether it was not
// written for patience.
func (c *claim) still(other owner) bool {
	for began := time.Now(); time.Since(began) < c.patience; time.Sleep(c.beat / 4) {
		if now, err := readOwner(c.file); err == nil && now != other {
			return false
		}
	}
	return true
}

// remove takes a stale file away. Another process may be doing the same, and
// have made its own already: that is put back.
func (c *claim) remove(stale owner) error {
	aside := fmt.Sprintf("%s.%s", c.file, c.me.Nonce)
	if err := os.Rename(c.file, aside); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	}
	if moved, err := readOwner(aside); err == nil && moved.Nonce != stale.Nonce {
		return errors.Join(c.locked(), os.Rename(aside, c.file))
	}
	return os.Remove(aside)
}

// create makes the owner file, which must not be there.
func (c *claim) create() error {
	f, err := os.OpenFile(c.file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(c.me.encode())
	return errors.Join(err, f.Close())
}

// keep writes the file again and again.
func (c *claim) keep() {
	ticker := time.NewTicker(c.beat)
	defer ticker.Stop()
	for {
		select {
		case <-c.stop:
			return
		case <-ticker.C:
			_ = c.check()
		}
	}
}

// check returns an error once another process took the directory: this one
// stood still for too long. Otherwise it writes the file again; one that cannot
// be read or written now can be later.
func (c *claim) check() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.lost != nil {
		return c.lost
	}
	switch now, err := readOwner(c.file); {
	case errors.Is(err, fs.ErrNotExist):
		if errors.Is(c.create(), fs.ErrExist) {
			return nil // the next look sees whose it is
		}
	case err == nil && now.Nonce != c.me.Nonce:
		c.lost = fmt.Errorf("%s: %w: process %d on %s took it while this one stood still",
			filepath.Dir(c.file), ErrLocked, now.PID, now.Host)
		return c.lost
	default:
		c.me.Beats++
		if f, err := os.OpenFile(c.file, os.O_WRONLY, 0); err == nil {
			_, _ = f.WriteAt(c.me.encode(), 0)
			f.Close()
		}
	}
	return nil
}

// release gives the directory free.
func (c *claim) release() error {
	close(c.stop)
	c.group.Wait()
	var err error
	if now, e := readOwner(c.file); e == nil && now.Nonce == c.me.Nonce {
		err = os.Remove(c.file)
	}
	if c.lock != nil {
		err = errors.Join(err, c.lock.Close())
	}
	return err
}

// owner is what the owner file says. Its text has the same length at each beat.
type owner struct {
	Nonce  string `json:"nonce"`
	Host   string `json:"host"`
	PID    int    `json:"pid"`
	Place  string `json:"place"`  // boot and namespace in which PID counts; empty: unknown
	Start  string `json:"start"`  // start of the process, in ticks since the boot
	Locked bool   `json:"locked"` // the owner has the lock of the directory too
	Beats  uint64 `json:"-"`
	Beat   string `json:"beat"`
}

func (o *owner) encode() []byte {
	o.Beat = fmt.Sprintf("%020d", o.Beats)
	text, _ := json.Marshal(o) // its fields are plain: it cannot fail
	return append(text, '\n')
}

func readOwner(path string) (o owner, err error) {
	text, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(text, &o)
	}
	return o, err
}

// thisProcess returns an owner like no other.
func thisProcess() owner {
	o := owner{Nonce: rand.Text(), PID: os.Getpid()}
	o.Host, _ = os.Hostname()
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if space, e := os.Readlink("/proc/self/ns/pid"); err == nil && e == nil {
		o.Place = strings.TrimSpace(string(boot)) + " " + space
		o.Start = startOf(o.PID)
	}
	return o
}

// dead reports whether the owner was a process of this machine and is no more.
func (o owner) dead() bool {
	me := thisProcess()
	return o.Place != "" && o.Place == me.Place && o.Host == me.Host && startOf(o.PID) != o.Start
}

// startOf returns when a process began, or "" if there is none.
func startOf(pid int) string {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return ""
	}
	const start = 20 // field, counted behind the name of the program in brackets
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	if len(fields) < start {
		return ""
	}
	return fields[start-1]
}

// Active reports whether a process works on the run in path, as far as can be
// seen without asking for its lock: the file that names the owner was written a
// short while ago, and not by a process of this machine that has died. One that stands still for
// longer looks like one that is gone.
func Active(path string) bool {
	file := filepath.Join(path, ownerFile)
	info, err := os.Stat(file)
	if err != nil || time.Since(info.ModTime()) >= activeFor {
		return false
	}
	o, err := readOwner(file)
	return err != nil || !o.dead()
}

// activeFor is for how long after its owner wrote to it a run counts as active.
const activeFor = 15 * time.Second
