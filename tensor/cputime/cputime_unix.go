//go:build !windows

package cputime

import (
	"syscall"
	"time"
)

// Used returns the processor time of all threads of this process, or 0 where
// the system does not tell it.
func Used() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
