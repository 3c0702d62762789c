//go:build !windows

package chaos

import (
	"os"
	"os/exec"
	"syscall"
)

// pause and goOn stop a process and let it run again.
var pause, goOn os.Signal = syscall.SIGSTOP, syscall.SIGCONT

// able is nil: processes can be told to leave, to pause and to go on.
var able error

// apart keeps Ctrl-C of a terminal, which is for this process, from another one.
func apart(p *exec.Cmd) { p.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }
