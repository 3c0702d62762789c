package auth

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// file is something to write, below Options.Dir.
type file struct {
	name   string
	data   []byte
	secret bool
}

// write writes files and gives them and their directories to the owner. A
// file that exists is replaced as a whole.
func (o Options) write(files []file) error {
	for _, f := range files {
		path := filepath.Join(o.Dir, f.name)
		dir := filepath.Dir(path)
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return err
		}
		mode := os.FileMode(0o644)
		if f.secret {
			mode = 0o600
		}
		if err := o.writeFile(path, f.data, mode); err != nil {
			return err
		}
		if err := o.give(dir); err != nil {
			return err
		}
	}
	return nil
}

func (o Options) writeFile(path string, data []byte, mode os.FileMode) error {
	fresh := path + ".new"
	w, err := os.OpenFile(fresh, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, mode)
	if err != nil {
		return err
	}
	if _, err = w.Write(data); err == nil {
		err = w.Sync()
	}
	if err = errors.Join(err, w.Close()); err == nil {
		err = o.give(fresh)
	}
	if err == nil {
		err = os.Rename(fresh, path)
	}
	if err != nil {
		os.Remove(fresh)
	}
	return err
}

// give makes the owner of the options that of a file or directory.
func (o Options) give(path string) error {
	if o.Owner == nil {
		return nil
	}
	if err := os.Chown(path, o.Owner.UID, o.Owner.GID); err != nil {
		return fmt.Errorf("%w: giving files away needs root", err)
	}
	return nil
}

// Give makes owner the owner of a directory that belongs to root, as those
// are that a container engine made for a mount. Others are left alone.
func Give(dir string, owner Owner) error {
	info, err := os.Stat(dir)
	if err != nil {
		return err
	}
	if !ofRoot(info) {
		return nil
	}
	return os.Chown(dir, owner.UID, owner.GID)
}
