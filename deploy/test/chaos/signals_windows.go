package chaos

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
)

// pause and goOn have no signals on Windows.
var pause, goOn os.Signal

// able says why no script can be played: a process can only be killed.
var able = fmt.Errorf("chaos: telling a process to leave, to pause and to go on: %w on Windows", errors.ErrUnsupported)

// apart leaves the process as it is.
func apart(*exec.Cmd) {}
