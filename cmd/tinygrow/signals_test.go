package main

import (
	"os"
	"syscall"
	"testing"
	"time"
)

// TestWhichSignalEndsAtOnce tells signals with the milliseconds between them.
func TestWhichSignalEndsAtOnce(t *testing.T) {
	const hup, intr, term, quit = syscall.SIGHUP, syscall.SIGINT, syscall.SIGTERM, syscall.SIGQUIT
	for _, c := range []struct {
		name   string
		pause  time.Duration
		come   []os.Signal
		atOnce int // index of the signal that ends at once; -1: none
	}{
		{"one interrupt", 0, []os.Signal{intr}, -1},
		{"two interrupts", time.Second, []os.Signal{intr, intr}, 1},
		{"two kinds", 0, []os.Signal{intr, term}, 1},
		{"quit twice", time.Second, []os.Signal{quit, quit}, 1},
		{"timeout(1) sends its signal twice", time.Microsecond, []os.Signal{term, term}, -1},
		{"shell and kernel hang up", time.Second, []os.Signal{hup, hup, hup}, -1},
		{"a session ends", time.Second, []os.Signal{hup, term}, -1},
		{"a session ends, then it is killed", time.Second, []os.Signal{hup, term, term}, 2},
		{"a hang-up after an interrupt", time.Second, []os.Signal{intr, hup}, -1},
	} {
		var e ending
		at, got := time.Unix(0, 0), -1
		for i, s := range c.come {
			at = at.Add(c.pause)
			first, now := e.take(s, at)
			if first != (i == 0) {
				t.Errorf("%s: signal %d: first = %v", c.name, i, first)
			}
			if now && got < 0 {
				got = i
			}
		}
		if got != c.atOnce {
			t.Errorf("%s: signal %d ends at once, want %d", c.name, got, c.atOnce)
		}
	}
}
