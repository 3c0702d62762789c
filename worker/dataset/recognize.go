package dataset

import (
	"errors"
	"fmt"
	"os"
	"strings"
)

// ErrUnclear is returned when a directory does not say which data set it holds.
var ErrUnclear = errors.New("which data set is it")

// Recognize returns the name of the one data set whose files lie in dir, by their
// names alone, or that of packed files where dir is one.
func Recognize(dir string) (string, error) {
	var found []string
	for _, r := range readers {
		if r.lies != nil && r.lies(dir) {
			found = append(found, r.name)
		}
	}
	choices := strings.Join(Names, ", ")
	switch info, err := os.Stat(dir); {
	case err != nil:
		return "", fmt.Errorf("%w: %w: name it with --data, one of %s", ErrUnclear, err, choices)
	case !info.IsDir() && len(found) == 0:
		return "", fmt.Errorf("%w: %s is neither a directory nor a packed set: name it with --data, one of %s", ErrUnclear, dir, choices)
	case len(found) == 0:
		return "", fmt.Errorf("%w: %s holds the files of none: name it with --data, one of %s", ErrUnclear, dir, choices)
	case len(found) > 1:
		return "", fmt.Errorf("%w: %s holds the files of %s: name one with --data", ErrUnclear, dir, strings.Join(found, " and "))
	}
	return found[0], nil
}
