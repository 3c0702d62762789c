package checkpoint

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"

	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/proto/file"
)

// Bundle is a run up to one checkpoint in one piece: configuration, journal,
// metrics and the checkpoint's files. It holds them open, so that what happens
// to the directory later does not change it.
type Bundle struct {
	Step  proto.Step
	parts []bundled
}

// bundled is a file of a bundle.
type bundled struct {
	name string // relative to the run directory, with slashes
	size int64
	file *os.File
}

// Bundle opens the run as it was when checkpoint c was saved.
func (d *Dir) Bundle(c *Checkpoint) (*Bundle, error) {
	b := &Bundle{Step: c.Step}
	step := path.Join(checkpoints, filepath.Base(StepDir(d.path, c.Step)))
	files := []bundled{
		{name: ConfigFile, size: -1}, {name: JournalFile, size: c.JournalBytes}, {name: MetricsFile, size: c.MetricsBytes},
		{name: path.Join(step, modelFile), size: -1}, {name: path.Join(step, optimizerFile), size: -1},
		{name: path.Join(step, stateFile), size: -1},
	}
	if c.RidingSHA256 != "" {
		files = append(files, bundled{name: path.Join(step, ridingFile), size: -1})
	}
	if c.BestSHA256 != "" {
		files = append(files, bundled{name: path.Join(step, bestFile), size: -1})
	}
	if _, err := os.Lstat(filepath.Join(d.path, startFile)); err == nil {
		files = append(files, bundled{name: startFile, size: -1})
	}
	for _, f := range files {
		if err := b.add(d.path, f); err != nil {
			return nil, errors.Join(err, b.Close())
		}
	}
	return b, nil
}

// add opens a file; its size is that of now if it is negative.
func (b *Bundle) add(dir string, p bundled) error {
	f, size, err := file.Open(filepath.Join(dir, filepath.FromSlash(p.name)))
	if err != nil {
		return err
	}
	if p.size < 0 {
		p.size = size
	}
	p.file = f
	b.parts = append(b.parts, p)
	return nil
}

// Write writes the bundle as a tar archive.
func (b *Bundle) Write(w io.Writer) error {
	out := tar.NewWriter(w)
	for _, p := range b.parts {
		if err := out.WriteHeader(&tar.Header{Name: p.name, Size: p.size, Mode: 0o644, Format: tar.FormatPAX}); err != nil {
			return err
		}
		if _, err := io.Copy(out, io.NewSectionReader(p.file, 0, p.size)); err != nil {
			return fmt.Errorf("bundle of step %d: %s: %w", b.Step, p.name, err)
		}
	}
	return out.Close()
}

// Close closes the files.
func (b *Bundle) Close() error {
	var errs []error
	for _, p := range b.parts {
		errs = append(errs, p.file.Close())
	}
	return errors.Join(errs...)
}

// incoming is where a bundle is unpacked before it takes its place.
const incoming = ".incoming"

// Unpack makes path the directory of the run in a bundle. A run that lies
// there already must be an earlier state of the same one; its checkpoints are
// replaced. An interrupted Unpack is to be made again.
func Unpack(dir string, bundle io.Reader, step proto.Step) error {
	if _, err := os.Stat(filepath.Join(dir, ConfigFile)); errors.Is(err, fs.ErrNotExist) {
		if err := vacant(dir); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(filepath.Join(dir, checkpoints), 0o755); err != nil {
		return err
	}
	d := &Dir{path: dir}
	if err := d.acquire(); err != nil {
		return err
	}
	err := d.unpack(bundle, step)
	return errors.Join(err, d.claim.release())
}

func (d *Dir) unpack(bundle io.Reader, step proto.Step) error {
	fresh := filepath.Join(d.path, incoming)
	if err := os.RemoveAll(fresh); err != nil {
		return err
	}
	name := filepath.Base(StepDir(d.path, step))
	saved := filepath.Join(checkpoints, name)
	if err := os.MkdirAll(filepath.Join(fresh, saved), 0o755); err != nil {
		return err
	}
	files := []string{JournalFile, MetricsFile, ConfigFile}
	if err := d.disk.extract(fresh, bundle, append(slices.Clone(files), path.Join(checkpoints, name, modelFile),
		path.Join(checkpoints, name, optimizerFile), path.Join(checkpoints, name, stateFile)),
		path.Join(checkpoints, name, ridingFile), path.Join(checkpoints, name, bestFile), startFile); err != nil {
		return err
	}
	if _, err := Load(filepath.Join(fresh, saved)); err != nil {
		return err
	}
	// The old checkpoints count bytes of the old logs: they go first.
	if err := os.RemoveAll(filepath.Join(d.path, checkpoints)); err != nil {
		return err
	}
	if err := os.Mkdir(filepath.Join(d.path, checkpoints), 0o755); err != nil {
		return err
	}
	if _, err := os.Lstat(filepath.Join(fresh, startFile)); err == nil {
		files = append(files, startFile)
	}
	for _, f := range append([]string{saved}, files...) {
		if err := d.disk.replace(filepath.Join(fresh, f), filepath.Join(d.path, f)); err != nil {
			return err
		}
	}
	return errors.Join(d.disk.syncDir(filepath.Join(d.path, checkpoints)), d.disk.syncDir(d.path), os.RemoveAll(fresh))
}

// extract writes the files of a bundle, which must be those named, and of
// the others, which only some have, each at most once. Whether one has to be there is seen when they are loaded.
func (d *disk) extract(dir string, bundle io.Reader, names []string, others ...string) error {
	in := tar.NewReader(bundle)
	for {
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("%w: bundle: %w", ErrDamaged, err)
		}
		from := &names
		if slices.Contains(others, h.Name) {
			from = &others
		}
		i := slices.Index(*from, h.Name)
		if i < 0 || h.Typeflag != tar.TypeReg {
			return fmt.Errorf("%w: bundle: unexpected %q", ErrDamaged, h.Name)
		}
		*from = slices.Delete(*from, i, i+1)
		err = d.writeFile(filepath.Join(dir, filepath.FromSlash(h.Name)), func(f *os.File) error { _, err := io.Copy(f, in); return err })
		if errors.Is(err, io.ErrUnexpectedEOF) {
			err = fmt.Errorf("%w: bundle: %w", ErrDamaged, err)
		}
		if err != nil {
			return err
		}
	}
	if len(names) > 0 {
		return fmt.Errorf("%w: bundle: %s is missing", ErrDamaged, names[0])
	}
	return nil
}
