package checkpoint

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// writeFile creates path, lets write fill it, and syncs it.
func writeFile(path string, write func(*os.File) error) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return err
	}
	if err := errors.Join(write(f), f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

// replaceFile gives path new contents, whole or not at all.
func replaceFile(path string, data []byte) error {
	temporary := path + ".tmp"
	if err := writeFile(temporary, func(f *os.File) error { _, err := f.Write(data); return err }); err != nil {
		return err
	}
	if err := os.Rename(temporary, path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

// syncDir makes the names in a directory last.
func syncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
