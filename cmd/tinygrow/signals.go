package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// endings are the signals that end a run in order.
var endings = []os.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGQUIT, syscall.SIGHUP}

// sameSignal is how soon a signal that comes again is the same one: timeout(1)
// sends its signal to the process and to the group of the process.
const sameSignal = 100 * time.Millisecond

// untilSignal returns a context that the first of the endings cancels, after
// telling it; a second one ends the process at once. A hang-up is never the
// second: the end of a terminal may send several, and a termination after them.
// A pipe that nobody reads any more ends nothing: what is written into it is
// lost. stop gives the signals back, but for that of pipes.
func untilSignal(parent context.Context, tell func(os.Signal)) (ctx context.Context, stop func()) {
	ctx, cancel := context.WithCancel(parent)
	signals := make(chan os.Signal, 8)
	for _, s := range endings {
		if s != syscall.SIGHUP || !signal.Ignored(s) { // nohup(1) has it ignored
			signal.Notify(signals, s)
		}
	}
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	done := make(chan struct{})
	go func() {
		var e ending
		for {
			select {
			case s := <-signals:
				first, now := e.take(s, time.Now())
				if first {
					tell(s)
					cancel()
				}
				if now {
					os.Exit(int(exitInterrupted))
				}
			case <-done:
				return
			}
		}
	}()
	return ctx, func() {
		signal.Stop(signals)
		close(done)
		cancel()
	}
}

// ending is which signals came.
type ending struct {
	begun bool
	last  os.Signal // but for hang-ups
	at    time.Time
}

// take reports whether a signal is the first one, and whether the process must
// end at once.
func (e *ending) take(s os.Signal, at time.Time) (first, now bool) {
	first = !e.begun
	e.begun = true
	if s == syscall.SIGHUP || s == e.last && at.Sub(e.at) < sameSignal {
		return first, false
	}
	now = e.last != nil
	e.last, e.at = s, at
	return first, now
}
