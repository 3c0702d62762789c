package checkpoint

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/gofrs/flock"
)

// calls are what lasting files need of a file system. Tests put others in their
// place, which fail as some file systems do.
type calls struct {
	sync   func(*os.File) error
	rename func(from, to string) error
	lock   func(*flock.Flock) (bool, error)
}

var system = calls{(*os.File).Sync, os.Rename, (*flock.Flock).TryLock}

// among reports whether err is one of these.
func among(err error, kinds []error) bool {
	return slices.ContainsFunc(kinds, func(kind error) bool { return errors.Is(err, kind) })
}

// Notes of what a file system lacks.
const (
	noteSync    = "the file system does not say when files are on disk: after a power cut the newest checkpoints may be damaged"
	noteSyncDir = "the file system cannot make the names in a directory last: after a power cut the newest checkpoint may be missing"
	noteReplace = "the file system cannot put one file in place of another in one step: a kill at that moment leaves the older checkpoint"
)

// disk writes files so that they last, as far as their file system can, and
// notes what it cannot. A nil disk notes nothing.
type disk struct{ notes []string }

// note keeps a text, once.
func (d *disk) note(text string) {
	if d != nil && !slices.Contains(d.notes, text) {
		d.notes = append(d.notes, text)
	}
}

// sync makes the contents of a file last. A file system that has no such thing
// is noted; a failure is an error.
func (d *disk) sync(f *os.File) error {
	err := system.sync(f)
	if among(err, noSync) {
		d.note(noteSync)
		return nil
	}
	return err
}

// syncDir makes the names in a directory last, by the same rule.
func (d *disk) syncDir(path string) error {
	f, err := os.Open(path)
	if err == nil {
		err = errors.Join(system.sync(f), f.Close())
	}
	if among(err, noSyncDir) {
		d.note(noteSyncDir)
		return nil
	}
	return err
}

// replace puts from in the place of to, which may be there. Where that cannot be
// done in one step, it is done in two.
func (d *disk) replace(from, to string) error {
	err := system.rename(from, to)
	if !among(err, noReplace) {
		return err
	}
	if _, there := os.Lstat(to); there != nil {
		return err
	}
	d.note(noteReplace)
	if err := os.RemoveAll(to); err != nil {
		return err
	}
	return system.rename(from, to)
}

// writeFile creates path, lets write fill it, and syncs it.
func (d *disk) writeFile(path string, write func(*os.File) error) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return err
	}
	if err := errors.Join(write(f), d.sync(f), f.Close()); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

// replaceFile gives path new contents, whole or not at all.
func (d *disk) replaceFile(path string, data []byte) error {
	fresh := path + temporary
	if err := d.writeFile(fresh, func(f *os.File) error { _, err := f.Write(data); return err }); err != nil {
		return err
	}
	if err := d.replace(fresh, path); err != nil {
		return err
	}
	return d.syncDir(filepath.Dir(path))
}
