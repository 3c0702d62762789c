package run

import (
	"errors"
	"fmt"
)

// Returned with all that this package finds wrong itself: they tell whose fault
// it is. Errors of the packages below it keep their own sentinels.
var (
	ErrUsage   = errors.New("wrong settings")                                     // nothing was started
	ErrData    = errors.New("the data set is missing or damaged")                 // also one of another form than expected
	ErrNetwork = errors.New("the server cannot be reached or lacks something")    // JetStream, or a free port
	ErrRun     = errors.New("a run or checkpoint is missing, damaged or another") // another than the one that was meant
)

// fault is an error of a kind, which its text does not repeat.
type fault struct {
	error
	kind error
}

// Unwrap returns the error and its kind.
func (f fault) Unwrap() []error { return []error{f.error, f.kind} }

// Kind returns which of the errors above err is, or nil.
func Kind(err error) error {
	if f := (fault{}); errors.As(err, &f) {
		return f.kind
	}
	return nil
}

// as gives an error a kind, unless it has one or is nil.
func as(kind, err error) error {
	if err == nil || Kind(err) != nil {
		return err
	}
	return fault{err, kind}
}

// usagef is a fault of the settings.
func usagef(format string, args ...any) error { return as(ErrUsage, fmt.Errorf(format, args...)) }
