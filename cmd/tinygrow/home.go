package main

import (
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/tinygrow/tinygrow/deploy/run/config"
)

// expandHome replaces ~ and ~NAME at the beginning of a path by the home
// directory. Shells do so at the beginning of a word only: not in
// --data-dir=~/x, nor in configuration files.
func expandHome(path string) (string, error) {
	first, rest, _ := strings.Cut(path, "/")
	name, tilde := strings.CutPrefix(first, "~")
	if !tilde {
		return path, nil
	}
	home, err := os.UserHomeDir()
	if name != "" {
		var who *user.User
		if who, err = user.Lookup(name); err == nil {
			home = who.HomeDir
		}
	}
	if err != nil {
		return path, fmt.Errorf("%s: whose home directory that is cannot be told (%w): write the path out, or ./%[1]s for a name that begins with ~", path, err)
	}
	return filepath.Join(home, rest), nil
}

// paths are the settings that are paths, by their keys.
func (s *settings) paths() map[string]*string {
	return map[string]*string{"data.dir": &s.Data.Dir, "run_dir": &s.RunDir, "nats.creds": &s.NATS.Creds, "nats.ca": &s.NATS.CA, "fetch.dir": &s.Fetch.Dir, "health": &s.Health}
}

// expand replaces home directories in all paths.
func (s *settings) expand() error {
	var faults config.Faults
	for key, path := range s.paths() {
		expanded, err := expandHome(*path)
		if err != nil {
			faults = append(faults, fmt.Errorf("%s: %w", key, err))
			continue
		}
		*path = expanded
	}
	return faults.Err()
}

// expandFlags replaces home directories in the flags of a command that are
// paths and no settings.
func expandFlags(c *cobra.Command) error {
	var faults config.Faults
	c.Flags().Visit(func(f *pflag.Flag) {
		kind, _ := pflag.UnquoteUsage(f)
		if _, setting := f.Value.(*text); setting || !slices.Contains([]string{"file", "directory", "run"}, kind) {
			return
		}
		faults.Add(expandFlag(f))
	})
	return as(exitUsage, faults.Err())
}

func expandFlag(f *pflag.Flag) error {
	list, several := f.Value.(pflag.SliceValue)
	values := []string{f.Value.String()}
	if several {
		values = list.GetSlice()
	}
	for i, v := range values {
		path, err := expandHome(v)
		if err != nil {
			return fmt.Errorf("--%s %w", f.Name, err)
		}
		values[i] = path
	}
	if several {
		return list.Replace(values)
	}
	return f.Value.Set(values[0])
}
