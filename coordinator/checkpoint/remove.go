package checkpoint

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// removedPrefix begins the name that a run gets beside its old one while it is removed.
const removedPrefix = ".removed-"

// ErrLink is returned when a run is to be removed by a link to its directory.
var ErrLink = errors.New("a link to a directory")

// Remove removes the run in path with all that lies in its directory. The directory
// gets another name first, so that a run is there whole or not at all; what a crash
// leaves of it LeftBehind finds. It returns ErrNoRun for a directory that holds no
// run and ErrLocked for one on which a process works.
func Remove(path string) error {
	whole, err := filepath.Abs(path)
	if err != nil {
		return err
	}
	info, err := os.Lstat(whole)
	if err == nil && info.Mode()&fs.ModeSymlink != 0 {
		return fmt.Errorf("%s: %w: %w: name the directory itself", path, ErrNoRun, ErrLink)
	}
	if _, err := ReadConfig(path); err != nil {
		return err
	}
	d := &Dir{path: whole}
	if err := d.acquire(); err != nil {
		return err
	}
	aside := filepath.Join(filepath.Dir(whole), removedPrefix+filepath.Base(whole)+"-"+rand.Text()[:8])
	if runtime.GOOS == "windows" { // Windows does not rename a directory with open files
		if err := d.claim.release(); err != nil {
			return err
		}
		err = os.Rename(whole, aside)
	} else {
		err = errors.Join(d.claim.move(aside), d.claim.release())
	}
	if err != nil {
		return fmt.Errorf("remove %s: %w", path, err)
	}
	if err := os.RemoveAll(aside); err != nil {
		return fmt.Errorf("remove %s: some of it is left in %s: %w", path, aside, err)
	}
	return nil
}

// move gives the claimed directory another name.
func (c *claim) move(to string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := os.Rename(filepath.Dir(c.file), to); err != nil {
		return err
	}
	c.file = filepath.Join(to, ownerFile)
	return nil
}

// LeftBehind returns what Remove was interrupted over in a folder of runs.
func LeftBehind(folder string) ([]string, error) {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil, err
	}
	var found []string
	for _, e := range entries {
		if e.IsDir() && strings.HasPrefix(e.Name(), removedPrefix) {
			found = append(found, filepath.Join(folder, e.Name()))
		}
	}
	return found, nil
}

// Size returns the bytes of all files below path, links not followed. What goes
// while it counts does not count.
func Size(path string) (bytes int64) {
	_ = filepath.WalkDir(path, func(_ string, e fs.DirEntry, err error) error {
		if err != nil {
			return nil
		}
		if info, err := e.Info(); err == nil && info.Mode().IsRegular() {
			bytes += info.Size()
		}
		return nil
	})
	return bytes
}
