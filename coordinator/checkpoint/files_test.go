package checkpoint

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
)

// TestWhatAFileSystemLacks states the rule for each step that makes files last:
// which errors are noted, and which end the run.
func TestWhatAFileSystemLacks(t *testing.T) {
	type fault struct {
		name string
		with error
		note string // empty: it ends the run
	}
	var faults []fault
	for _, kind := range []error{syscall.EINVAL, syscall.ENOSYS, syscall.ENOTSUP} {
		faults = append(faults, fault{"sync file", kind, noteSync}, fault{"sync directory", kind, noteSyncDir})
	}
	for _, kind := range []error{syscall.EBADF, syscall.EACCES, syscall.EPERM} {
		faults = append(faults, fault{"sync directory", kind, noteSyncDir}, fault{"sync file", kind, ""})
	}
	for _, kind := range []error{syscall.EEXIST, syscall.ENOTEMPTY, syscall.EXDEV, syscall.ENOTSUP} {
		faults = append(faults, fault{"rename", kind, noteReplace})
	}
	for _, kind := range []error{syscall.EIO, syscall.ENOSPC, syscall.EDQUOT, syscall.EROFS} {
		faults = append(faults, fault{"sync file", kind, ""}, fault{"sync directory", kind, ""}, fault{"rename", kind, ""})
	}
	for _, f := range faults {
		t.Run(f.name+" "+f.with.Error(), func(t *testing.T) {
			whole := system
			fail := func(c *calls) {
				switch f.name {
				case "rename": // over what is there
					c.rename = func(from, to string) error {
						if _, err := os.Lstat(to); err == nil || filepath.Base(to)[0] == '.' {
							return &os.LinkError{Op: "rename", Old: from, New: to, Err: f.with}
						}
						return os.Rename(from, to)
					}
				default:
					c.sync = func(file *os.File) error {
						info, err := file.Stat()
						if err == nil && info.IsDir() == (f.name == "sync directory") {
							return &os.PathError{Op: "sync", Path: file.Name(), Err: f.with}
						}
						return file.Sync()
					}
				}
			}
			path := filepath.Join(t.TempDir(), "run")
			d, err := Create(path, []byte("x"))
			if err != nil {
				t.Fatal(err)
			}
			c := testCheckpoint(3, 7)
			if err := d.Save(c, 1); err != nil {
				t.Fatal(err)
			}
			lacking(t, fail)
			err = d.Save(c, 1) // of the same step: in place of the other
			system = whole
			switch {
			case f.note == "" && !errors.Is(err, f.with):
				t.Errorf("got %v", err)
			case f.note != "" && (err != nil || !slices.Contains(d.Notes(), f.note)):
				t.Errorf("got %v, notes %q", err, d.Notes())
			}
			if err := d.Close(); err != nil {
				t.Error(err)
			}
			d, again, err := Open(path)
			if err != nil || again == nil || again.Step != c.Step {
				t.Fatalf("afterwards: %v, %v", again, err)
			}
			d.Close()
		})
	}
}
