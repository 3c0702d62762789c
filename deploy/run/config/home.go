package config

import (
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strings"
)

// ExpandHome replaces ~ and ~NAME at the beginning of a path by the home
// directory. Shells do so at the beginning of a word only: not in
// --data-dir=~/x, nor in configuration files.
func ExpandHome(path string) (string, error) {
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
		return path, fmt.Errorf("%s: whose home directory that is cannot be told (%w): write the path out, or ./%[1]s for a name that "+
			"begins with ~", path, err)
	}
	return filepath.Join(home, rest), nil
}
