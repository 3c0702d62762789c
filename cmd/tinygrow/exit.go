package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/tinygrow/tinygrow/coordinator"
	"github.com/tinygrow/tinygrow/coordinator/checkpoint"
	"github.com/tinygrow/tinygrow/coordinator/lead"
	"github.com/tinygrow/tinygrow/coordinator/reduce"
	"github.com/tinygrow/tinygrow/coordinator/top"
	"github.com/tinygrow/tinygrow/coordinator/trainer"
	"github.com/tinygrow/tinygrow/coordinator/ui"
	"github.com/tinygrow/tinygrow/coordinator/view"
	"github.com/tinygrow/tinygrow/deploy/run"
	"github.com/tinygrow/tinygrow/deploy/run/replay"
	"github.com/tinygrow/tinygrow/deploy/run/sweep"
	"github.com/tinygrow/tinygrow/proto/bus"
	"github.com/tinygrow/tinygrow/worker"
	"github.com/tinygrow/tinygrow/worker/dataset"
	"github.com/tinygrow/tinygrow/worker/dataset/download"
	"github.com/tinygrow/tinygrow/worker/fetch"
)

// exitCode is what the process returns to its caller.
type exitCode int

// The exit codes of every command.
const (
	exitOK          exitCode = 0
	exitFailure     exitCode = 1
	exitUsage       exitCode = 2
	exitData        exitCode = 3
	exitNetwork     exitCode = 4
	exitRun         exitCode = 5
	exitRefused     exitCode = 6
	exitDiffers     exitCode = 7
	exitDiverged    exitCode = 8
	exitInterrupted exitCode = 130
)

// exitMeanings is the table that --help shows.
var exitMeanings = []struct {
	code    exitCode
	meaning string
}{
	{exitOK, "success"},
	{exitFailure, "a failure that no other code names"},
	{exitUsage, "wrong flags, arguments or configuration; nothing was started"},
	{exitData, "the data set is missing, damaged or not of the expected form"},
	{exitNetwork, "the NATS server or the pages of a run cannot be reached, the server was lost, is full, takes too small messages or " +
		"does not permit something; no mirror gave a data set"},
	{exitRun, "a run directory or checkpoint is missing, in use, damaged, of another architecture, or cannot be made"},
	{exitRefused, "the coordinator refused this worker: other data, version or arithmetic"},
	{exitDiffers, "verify: what was computed again differs from what the run holds"},
	{exitDiverged, "training diverged: the loss is not a number any more"},
	{exitInterrupted, "interrupted; a checkpoint was written if training had begun"},
}

func exitHelp() string {
	var b strings.Builder
	b.WriteString("Exit codes:\n")
	for _, m := range exitMeanings {
		fmt.Fprintf(&b, "  %-4d %s\n", m.code, m.meaning)
	}
	return strings.TrimRight(b.String(), "\n")
}

// coded is an error with the exit code it leads to.
type coded struct {
	error
	code exitCode
}

func (c coded) Unwrap() error { return c.error }

// as gives an error an exit code, unless it has one or is nil.
func as(code exitCode, err error) error {
	var c coded
	if err == nil || errors.As(err, &c) || run.Kind(err) != nil {
		return err
	}
	return coded{err, code}
}

// usagef is a fault of the command line or the configuration.
func usagef(format string, args ...any) error { return coded{fmt.Errorf(format, args...), exitUsage} }

// silentError ends the process with a code but without a message: the user
// has been told already.
type silentError struct{ code exitCode }

func (silentError) Error() string { return "" }

// causes gives the errors of other packages their exit codes.
var causes = []struct {
	err  error
	code exitCode
}{
	{run.ErrUsage, exitUsage},
	{run.ErrData, exitData},
	{run.ErrNetwork, exitNetwork},
	{run.ErrRun, exitRun},
	{dataset.ErrData, exitData},
	{bus.ErrSettings, exitUsage},
	{bus.ErrUnreachable, exitNetwork},
	{bus.ErrClosed, exitNetwork},
	{bus.ErrLost, exitNetwork},
	{bus.ErrForbidden, exitNetwork},
	{bus.ErrPayload, exitNetwork},
	{bus.ErrFull, exitNetwork},
	{checkpoint.ErrExists, exitRun},
	{checkpoint.ErrNotEmpty, exitRun},
	{checkpoint.ErrCannotMake, exitRun},
	{checkpoint.ErrNoRun, exitRun},
	{checkpoint.ErrLocked, exitRun},
	{checkpoint.ErrNoStart, exitRun},
	{checkpoint.ErrNoCheckpoint, exitRun},
	{checkpoint.ErrDamaged, exitRun},
	{coordinator.ErrOtherRun, exitRun},
	{coordinator.ErrStart, exitRun},
	{coordinator.ErrOtherData, exitRun},
	{coordinator.ErrStandIn, exitRun},
	{coordinator.ErrOtherShape, exitUsage},
	{coordinator.ErrSettings, exitUsage},
	{coordinator.ErrOtherSettings, exitRun},
	{coordinator.ErrOtherNumerics, exitRun},
	{trainer.ErrNotLater, exitUsage},
	{trainer.ErrDiverged, exitDiverged},
	{view.ErrNoRuns, exitRun},
	{sweep.ErrNoSweep, exitRun},
	{sweep.ErrOther, exitRun},
	{sweep.ErrBusy, exitRun},
	{sweep.ErrDamaged, exitRun},
	{ui.ErrAddress, exitUsage},
	{top.ErrAddress, exitNetwork},
	{replay.ErrNothing, exitRun},
	{lead.ErrHeld, exitRun},
	{lead.ErrFenced, exitRun},
	{lead.ErrShort, exitRun},
	{worker.ErrRefused, exitRefused},
	{reduce.ErrRefused, exitRefused},
	{worker.ErrManyRuns, exitUsage},
	{download.ErrMirrors, exitNetwork},
	{download.ErrDisk, exitData},
	{download.ErrBusy, exitData},
	{fetch.ErrRefused, exitRefused},
	{fetch.ErrCache, exitData},
	{context.Canceled, exitInterrupted},
}

// codeOf returns the exit code that err leads to.
func codeOf(err error) exitCode {
	var c coded
	var s silentError
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &s):
		return s.code
	case errors.As(err, &c):
		return c.code
	}
	for _, c := range causes {
		if errors.Is(err, c.err) {
			return c.code
		}
	}
	return exitFailure
}
