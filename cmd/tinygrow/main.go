// Command tinygrow trains networks that grow while they train, on one machine
// or many. Every command has its own file; a command reads flags and
// configuration, calls the packages that do the work, and prints. It decides
// nothing about training.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tinygrow/tinygrow/cmd/tinygrow/terminal"
	"github.com/tinygrow/tinygrow/deploy/run"
	"github.com/tinygrow/tinygrow/tensor/kernel"
	"github.com/tinygrow/tinygrow/worker/quota"
)

func main() { os.Exit(int(line())) }

// line executes the command line of the process and returns its exit code.
func line() exitCode {
	quota.LimitMemory()
	if err := kernel.EnvError(); err != nil {
		fmt.Fprintln(os.Stderr, "tinygrow:", err)
		return exitUsage
	}
	return execute(context.Background(), os.Args[1:], os.Stdout, os.Stderr)
}

// execute runs one command line. Results go to stdout, all else to stderr.
func execute(ctx context.Context, args []string, stdout, stderr io.Writer) exitCode {
	var log *records // nil: words
	if logFormatOf(args) == logJSON {
		log = newRecords(stderr)
		defer log.end()
		stderr = log
	} else {
		screen := terminal.New(stderr)
		defer screen.Close()
		stderr = screen
	}
	root := newRoot(stderr)
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	code := codeOf(err)
	var told silentError
	if err != nil && !errors.As(err, &told) {
		said := places(os.Getenv(run.PlacesEnv)).explain(err.Error())
		if log != nil {
			log.tell(slog.LevelError, strings.ReplaceAll(said, "\n", "; "), slog.Int("code", int(code)))
			return code
		}
		fmt.Fprintln(printable{stderr}, "tinygrow: "+strings.ReplaceAll(said, "\n", "\n  "))
	}
	return code
}

func newRoot(stderr io.Writer) *cobra.Command {
	root := &cobra.Command{
		Use:   "tinygrow",
		Short: "Train networks that grow while they train, the same bits on one machine or many",
		Long: `tinygrow trains neural networks that find their own size. Workers compute gradients and bottleneck
statistics on shards of the data; a coordinator adds them up, updates the weights and decides where to
add neurons. The result has the same bits for any number of workers and threads.

` + exitHelp(),
		Example: `  tinygrow train                                          # a built-in data set, everything in this process
  tinygrow train --data cifar10 --data-dir ~/cifar --epochs 3
  tinygrow coordinator --nats nats://host:4222 --run-dir runs/a
  tinygrow worker --nats nats://host:4222 --run a`,
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          commandsOnly,
		Version:       versionLine(),
		RunE:          func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	root.SetVersionTemplate("{{.Version}}\n")
	root.SetFlagErrorFunc(flagFault)
	verbose := root.PersistentFlags().BoolP("verbose", "v", false, "log details to stderr")
	format := root.PersistentFlags().String(logFlag, logText, "how what goes to stderr is written: `text` or json, a record a line")
	root.PersistentPreRunE = func(c *cobra.Command, _ []string) error {
		if *format != logText && *format != logJSON {
			return usagef("--%s %q: must be %s or %s", logFlag, *format, logText, logJSON)
		}
		level := slog.LevelInfo
		if *verbose {
			level = slog.LevelDebug
		}
		if log, ok := stderr.(*records); ok {
			log.level.Set(level)
			slog.SetDefault(slog.New(log.handler))
		} else {
			slog.SetDefault(slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: level})))
		}
		return expandFlags(c)
	}
	root.AddCommand(newTrain(), newResume(), newCoordinator(), newWorker(), newReducer(), newAuth(), newDoctor(), newHealth(),
		newEval(), newPredict(), newServe(), newExport(), newInspect(), newModel(), newVerify(),
		newPlot(), newRuns(), newTop(), newUI(), newReport(), newMetrics(), newCompare(), newChaos(), newData(), newBench(),
		newPlan(), newSweep(), newVersion())
	root.AddCommand(newConfig(), newRecipes(), newCompletion(), newMan())
	root.AddCommand(newTopics()...)
	completeAll(root)
	decimals(root)
	return root
}
