//go:build !windows

package sweep

import (
	"os/exec"
	"syscall"
)

// apart keeps Ctrl-C of a terminal, which is for this process, from another one.
func apart(p *exec.Cmd) { p.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

// interrupt tells a process to end in order.
func interrupt(p *exec.Cmd) error { return p.Process.Signal(syscall.SIGTERM) }
