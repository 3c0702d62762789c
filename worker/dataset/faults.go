package dataset

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/tinygrow/tinygrow/proto"
)

// ErrData is the cause of every error that faults of the files lead to.
var ErrData = errors.New("data set")

// maxFaults is how many faults of a set are told.
const maxFaults = 10

// faults collects what is wrong with files, each fault under the position of
// what it concerns, so that the list is the same whoever finds them first.
type faults struct {
	mu    sync.Mutex
	found map[int]error
}

// add keeps err, if it is one, as the fault at a position.
func (f *faults) add(position int, err error) {
	if err == nil {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.found == nil {
		f.found = map[int]error{}
	}
	f.found[position] = line{err}
}

// has reports whether there is a fault at a position.
func (f *faults) has(position int) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	_, found := f.found[position]
	return found
}

// line is a fault whose text is one line that may be printed, whatever the names in it.
type line struct{ error }

func (l line) Error() string { return proto.Printable(l.error.Error()) }
func (l line) Unwrap() error { return l.error }

// err returns the faults by position, the first ten of them, or nil.
func (f *faults) err() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	var list []error
	for _, p := range slices.Sorted(maps.Keys(f.found)) {
		if len(list) == maxFaults {
			list = append(list, fmt.Errorf("and %d more faults", len(f.found)-maxFaults))
			break
		}
		list = append(list, f.found[p])
	}
	return errors.Join(list...)
}

// faulty returns err as a fault of the set called name; nil for nil.
func faulty(name string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w %s: %w", ErrData, name, err)
}
