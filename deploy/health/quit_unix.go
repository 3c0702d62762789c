//go:build !windows

package health

import (
	"fmt"
	"os"
	"syscall"
)

// Quit tells the process of a status to end in order, so that what supervises
// it starts it anew. It must run the same program as this one: process ids are
// used again.
func Quit(s Status) error {
	if s.PID < 1 {
		return fmt.Errorf("no process to tell to quit: %d", s.PID)
	}
	self, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return err
	}
	if other, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", s.PID)); err != nil || other != self {
		return fmt.Errorf("process %d is not the %s any more", s.PID, s.Role)
	}
	return syscall.Kill(s.PID, syscall.SIGQUIT)
}
