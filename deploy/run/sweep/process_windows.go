package sweep

import (
	"errors"
	"os/exec"
	"syscall"
)

// apart keeps Ctrl-C of a console, which is for this process, from another one.
func apart(p *exec.Cmd) {
	p.SysProcAttr = &syscall.SysProcAttr{CreationFlags: syscall.CREATE_NEW_PROCESS_GROUP}
}

// interrupt cannot tell a process of another group to end in order.
func interrupt(*exec.Cmd) error { return errors.ErrUnsupported }
