package auth

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/tinygrow/tinygrow/proto"
)

// KeyDir returns the directory below dir with the files of the key of a name of a role
// that may have several.
func KeyDir(dir string, r proto.Role, name proto.Key) string {
	return filepath.Join(dir, string(r)+"s", string(name))
}

// Add makes one more key of a worker or reducer, of a name that none of them has, and
// writes it into the server's configuration. It returns ErrExists if there is one of that name.
func Add(o Options, r proto.Role, name string) error {
	if err := proto.Key(name).Validate(); err != nil {
		return err
	}
	dir, holders, err := o.conf()
	if err != nil {
		return err
	}
	at, err := filepath.Rel(o.Dir, KeyDir(o.Dir, r, proto.Key(name)))
	if err != nil {
		return err
	}
	_, missing := os.Lstat(filepath.Join(o.Dir, at))
	taken := func(h holder) bool { return h.role == r && h.name == name }
	if !errors.Is(missing, fs.ErrNotExist) || slices.ContainsFunc(holders, taken) {
		return fmt.Errorf("%w: of the %s %s: choose another name", ErrExists, r, name)
	}
	authority, err := os.ReadFile(filepath.Join(o.Dir, "ca", authorityFile))
	if err != nil {
		return fmt.Errorf("%w: a key needs the directory that tinygrow auth init wrote, with its ca", err)
	}
	files, public, err := keyFiles(at, authority)
	if err != nil {
		return err
	}
	return o.write(append(files, file{confFile, []byte(serverConf(dir, append(holders, holder{r, name, public}))), false}))
}

// Update writes the server's configuration anew for the same keys, with the
// rights that this version gives them. It reports whether anything changed.
func Update(o Options) (changed bool, err error) {
	dir, holders, err := o.conf()
	if err != nil {
		return false, err
	}
	before, err := os.ReadFile(filepath.Join(o.Dir, confFile))
	now := serverConf(dir, holders)
	if err != nil || string(before) == now {
		return false, err
	}
	return true, o.write([]file{{confFile, []byte(now), false}})
}

// conf reads the server's configuration.
func (o Options) conf() (dir string, holders []holder, err error) {
	path := filepath.Join(o.Dir, confFile)
	text, err := os.ReadFile(path)
	if err != nil {
		return "", nil, fmt.Errorf("%w: name the directory that tinygrow auth init wrote", err)
	}
	if dir, holders, err = readConf(string(text)); err != nil {
		return "", nil, fmt.Errorf("%s: %w", path, err)
	}
	return dir, holders, nil
}
