package dataset

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// ErrUnclear is returned when a directory does not say which data set it holds.
var ErrUnclear = errors.New("which data set is it")

// Recognize returns the name of the one data set whose files lie in dir, by their
// names alone.
func Recognize(dir string) (string, error) {
	var found []string
	for _, set := range []struct {
		name  string
		holds func(dir string) bool
	}{{"cifar10", cifar10.lies}, {"cifar100", cifar100.lies}, {"mnist", liesIDX}, {"folder", liesFolder}} {
		if set.holds(dir) {
			found = append(found, set.name)
		}
	}
	choices := strings.Join(Names, ", ")
	switch info, err := os.Stat(dir); {
	case err != nil:
		return "", fmt.Errorf("%w: %w: name it with --data, one of %s", ErrUnclear, err, choices)
	case !info.IsDir():
		return "", fmt.Errorf("%w: %s is not a directory: name it with --data, one of %s", ErrUnclear, dir, choices)
	case len(found) == 0:
		return "", fmt.Errorf("%w: %s holds the files of none: name it with --data, one of %s", ErrUnclear, dir, choices)
	case len(found) > 1:
		return "", fmt.Errorf("%w: %s holds the files of %s: name one with --data", ErrUnclear, dir, strings.Join(found, " and "))
	}
	return found[0], nil
}

func (f cifarFormat) lies(dir string) bool {
	_, err := findDir(dir, f.sub, f.train[0], f.test[0])
	return err == nil
}

func liesIDX(dir string) bool {
	_, err := findIDX(dir)
	return err == nil
}

// liesFolder reports whether dir looks like a folder of pictures: train and test
// with a directory for each class.
func liesFolder(dir string) bool {
	return hasFolder(filepath.Join(dir, Train)) && hasFolder(filepath.Join(dir, Test))
}

func hasFolder(dir string) bool {
	entries, err := readDir(dir)
	return err == nil && slices.ContainsFunc(entries, func(e os.DirEntry) bool {
		info, err := os.Stat(filepath.Join(dir, e.Name())) // follows links
		return err == nil && info.IsDir() && !strings.HasPrefix(e.Name(), ".")
	})
}
