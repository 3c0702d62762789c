package download

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"

	"github.com/tinygrow/tinygrow/proto/file"
)

// Bounds of an archive beside the sizes of its members.
const (
	maxEntries = 1000
	maxSmall   = 1 << 20 // bytes of a member of no known size
	maxBeside  = 16 << 20
)

// unpack writes the members of the archive into dir/Folder, which gets its name when all are there. Nothing
// else in the archive is looked at: neither names nor links in it lead anywhere.
func (s Set) unpack(ctx context.Context, archive, dir string) error {
	in, _, err := file.Open(archive)
	if err != nil {
		return err
	}
	defer in.Close()
	z, err := gzip.NewReader(in)
	if err != nil {
		return err
	}
	room := int64(maxBeside)
	for _, m := range s.Members {
		room += max(m.Size, maxSmall)
	}
	temporary, err := os.MkdirTemp(dir, ".unpack-")
	if err != nil {
		return fmt.Errorf("%w: %w", ErrDisk, err)
	}
	defer os.RemoveAll(temporary)
	if err := s.members(ctx, tar.NewReader(io.LimitReader(z, room)), temporary); err != nil {
		return err
	}
	for _, m := range s.Members {
		info, err := os.Stat(filepath.Join(temporary, m.Name))
		if m.Size > 0 && (err != nil || info.Size() != m.Size) {
			return fmt.Errorf("%s is not in the archive", m.Name)
		}
	}
	home := filepath.Join(dir, s.Folder)
	if err := os.Chmod(temporary, 0o755); err != nil {
		return fmt.Errorf("%w: %w", ErrDisk, err)
	}
	if err := os.Rename(temporary, home); err != nil { // there are files in it: those of the set are replaced
		for _, m := range s.Members {
			from := filepath.Join(temporary, m.Name)
			if _, err := os.Stat(from); err != nil {
				continue
			}
			if err := errors.Join(os.MkdirAll(home, 0o755), os.Rename(from, filepath.Join(home, m.Name))); err != nil {
				return fmt.Errorf("%w: %w", ErrDisk, err)
			}
		}
	}
	syncDir(home)
	syncDir(dir)
	return nil
}

// members writes those members of the set that are in an archive into dir.
func (s Set) members(ctx context.Context, archive *tar.Reader, dir string) error {
	for range maxEntries {
		h, err := archive.Next()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("the archive is damaged or larger than it should be: %w", err)
		case ctx.Err() != nil:
			return ctx.Err()
		}
		for _, m := range s.Members {
			if h.Typeflag != tar.TypeReg || path.Clean(h.Name) != s.Folder+"/"+m.Name {
				continue
			}
			if m.Size > 0 && h.Size != m.Size || h.Size > max(m.Size, maxSmall) {
				return fmt.Errorf("%s has %d bytes in the archive, which is not what it should have", m.Name, h.Size)
			}
			if err := write(filepath.Join(dir, m.Name), archive); err != nil {
				return err
			}
		}
	}
	return fmt.Errorf("the archive has more than %d entries", maxEntries)
}

// write writes a file to the disk.
func write(path string, r io.Reader) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrDisk, err)
	}
	disk := writer{f: f}
	_, err = io.Copy(&disk, r)
	if failed := errors.Join(f.Sync(), f.Close()); disk.err == nil {
		disk.err = failed
	}
	if disk.err != nil {
		return fmt.Errorf("%w: %w", ErrDisk, disk.err)
	}
	return err
}

// writer tells errors of a disk from those of what is written.
type writer struct {
	f   *os.File
	err error
}

func (w *writer) Write(p []byte) (int, error) {
	n, err := w.f.Write(p)
	if err != nil {
		w.err = err
	}
	return n, err
}
