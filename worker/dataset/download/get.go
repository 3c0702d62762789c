package download

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gofrs/flock"

	"github.com/tinygrow/tinygrow/proto/file"
)

// Job says what to get, from where and to where.
type Job struct {
	Set Set
	Dir string
	// Mirrors take the place of the set's own; nil: these.
	Mirrors []string
	// Stall is how long a server may send nothing; 0: 30 s.
	Stall time.Duration
	// Pause is the wait before a mirror is tried again; 0: 1 s.
	Pause time.Duration
	// Line is told what happens, a line at a time; Bytes how much of a file of the set is there. nil: nobody is.
	Line  func(format string, args ...any)
	Bytes func(name string, done, total int64)
}

// Outcome says what came of it.
type Outcome struct {
	// Dir is the directory that holds the files of the set.
	Dir string `json:"dir"`
	// There: they were there already.
	There bool `json:"there"`
	// Bytes are those that came over the network.
	Bytes int64 `json:"bytes"`
}

// What a caller may tell apart.
var (
	// ErrMirrors is returned when no mirror gave the file that was asked for.
	ErrMirrors = errors.New("no mirror gave it")
	// ErrDisk is returned when a file cannot be written, or one that is in the way is another.
	ErrDisk = errors.New("the directory does not take it")
	// ErrBusy is returned when another process gets a set into the directory.
	ErrBusy = errors.New("another process is getting a data set into this directory")
)

// CheckMirror returns an error if text is no address of a mirror.
func CheckMirror(text string) error {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return fmt.Errorf("mirror %q: must be the address of a directory, as https://mirror.example.org/data", text)
	}
	return nil
}

const lockName = ".tinygrow-get.lock"

// Get gets the files of a set. An interrupted one is gone on with. When ctx ends, what has come
// stays for the next time.
func Get(ctx context.Context, j Job) (Outcome, error) {
	j = j.withDefaults()
	out := Outcome{Dir: j.Dir}
	if j.Set.Lies(j.Dir) {
		out.There = true
		return out, nil
	}
	for _, m := range j.Mirrors {
		if err := CheckMirror(m); err != nil {
			return out, err
		}
	}
	if err := os.MkdirAll(j.Dir, 0o755); err != nil {
		return out, fmt.Errorf("%w: %w", ErrDisk, err)
	}
	lock := flock.New(filepath.Join(j.Dir, lockName))
	got, err := lock.TryLock()
	if err != nil {
		return out, fmt.Errorf("%w: %w", ErrDisk, err)
	}
	if !got {
		return out, fmt.Errorf("%w, %s: wait for it to end", ErrBusy, j.Dir)
	}
	defer func() {
		_ = os.Remove(lock.Path())
		_ = lock.Unlock()
	}()
	out.There = true
	for _, f := range j.Set.Files {
		came, err := j.file(ctx, f)
		out.Bytes += came
		out.There = out.There && came == 0
		if err != nil {
			return out, err
		}
		if j.Set.Folder == "" {
			continue
		}
		path := filepath.Join(j.Dir, f.Name)
		if err := j.Set.unpack(ctx, path, j.Dir); err != nil {
			return out, fmt.Errorf("%s: %w", path, err)
		}
		if came > 0 { // what somebody put there by hand stays
			_ = os.Remove(path)
		}
	}
	return out, nil
}

func (j Job) withDefaults() Job {
	if j.Mirrors == nil {
		j.Mirrors = j.Set.Mirrors
	}
	if j.Stall == 0 {
		j.Stall = 30 * time.Second
	}
	if j.Pause == 0 {
		j.Pause = time.Second
	}
	if j.Line == nil {
		j.Line = func(string, ...any) {}
	}
	if j.Bytes == nil {
		j.Bytes = func(string, int64, int64) {}
	}
	return j
}

// file gets one file, and returns the bytes that came over the network.
func (j Job) file(ctx context.Context, f File) (int64, error) {
	path := filepath.Join(j.Dir, f.Name)
	if _, err := os.Lstat(path); err == nil {
		if err := f.check(path); err != nil {
			return 0, fmt.Errorf("%w: %s is there and is not the published file (%w): move it away", ErrDisk, path, err)
		}
		return 0, nil
	}
	d := part{job: j, file: f, path: path + ".part"}
	var faults []string
	for _, m := range j.Mirrors {
		address := strings.TrimSuffix(m, "/") + "/" + f.Name
		err := d.from(ctx, address)
		if err == nil {
			if err = d.finish(path); err == nil {
				return d.came, nil
			}
		}
		switch {
		case ctx.Err() != nil:
			return d.came, fmt.Errorf("%w: what has come of %s is kept: the same command goes on with it", ctx.Err(), f.Name)
		case errors.Is(err, ErrDisk):
			return d.came, err
		}
		fault := fmt.Sprintf("%s: %v", shown(address), err)
		j.Line("%s", fault)
		faults = append(faults, "  "+fault)
	}
	return d.came, fmt.Errorf("%s: %w:\n%s\nwithout a way to one, get %s (%d bytes, SHA-256 %s) on another machine, put it at %s, "+
		"and give the same command again: it checks and uses it; --mirror URL names a server of your own",
		f.Name, ErrMirrors, strings.Join(faults, "\n"), f.Name, f.Size, f.SHA256, path)
}

// check returns an error if the file at path is not f.
func (f File) check(path string) error {
	in, size, err := file.Open(path)
	if err != nil {
		return err
	}
	defer in.Close()
	if size != f.Size {
		return fmt.Errorf("it has %d bytes, the published one %d", size, f.Size)
	}
	h := sha256.New()
	if _, err := io.Copy(h, in); err != nil {
		return err
	}
	if got := hex.EncodeToString(h.Sum(nil)); got != f.SHA256 {
		return fmt.Errorf("its SHA-256 is %s, that of the published one %s", got, f.SHA256)
	}
	return nil
}

// shown is an address without a password.
func shown(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return "an address that is none"
	}
	return u.Redacted()
}
