package health

import (
	"errors"
	"fmt"
)

// Quit tells nothing to a process on Windows, where none can ask another one to
// end in order.
func Quit(s Status) error {
	return fmt.Errorf("process %d cannot be told to quit: %w on Windows", s.PID, errors.ErrUnsupported)
}
