package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/tinygrow/tinygrow/cmd/tinygrow/terminal"
	"github.com/tinygrow/tinygrow/deploy/run"
	"github.com/tinygrow/tinygrow/deploy/run/config"
	"github.com/tinygrow/tinygrow/worker/dataset/download"
)

func newDataGet() *cobra.Command {
	var asJSON bool
	var to string
	var mirrors []string
	var names []string
	for _, s := range download.Sets {
		names = append(names, s.Name)
	}
	c := &cobra.Command{
		Use:   "get " + strings.Join(names, "|"),
		Short: "Get a published data set from its mirrors",
		Long: `Gets the files of a published data set from the first mirror that gives them, checks them against the published SHA-256
before anything is made of them, and unpacks archives. What was interrupted, by Ctrl-C or by the network, is gone on with. Files
appear whole or not at all; sets that are there already are left alone.

Own mirrors take the place of the public ones: --mirror URL, which may be repeated, or the setting data.mirrors, is the address
of a directory that holds the files under their published names. A proxy is named by HTTPS_PROXY. A file that was put
into the directory by hand is checked and used.`,
		Example: `  tinygrow data get cifar10
  tinygrow train --data cifar10
  tinygrow data get fashion-mnist --to ~/fashion --mirror https://mirror.example.org/sets`,
	}
	src := newSource(c)
	c.Flags().StringVar(&to, "to", "", "`directory` for the files (default: tinygrow/sets/NAME below the user's cache directory, "+
		"where train looks)")
	c.Flags().StringArrayVar(&mirrors, "mirror", nil, "`address` of a directory with the files, in place of the public ones; "+
		"may be repeated")
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON object on stdout")
	c.Args = func(_ *cobra.Command, args []string) error {
		if len(args) != 1 {
			return usagef("name one data set: %s", strings.Join(names, ", "))
		}
		if _, known := download.Find(args[0]); !known {
			return usagef("data set %q cannot be got: one of %s can", args[0], strings.Join(names, ", "))
		}
		return nil
	}
	c.RunE = func(c *cobra.Command, args []string) error {
		set, _ := download.Find(args[0])
		s, err := src.given().Resolve(run.Defaults())
		if err != nil {
			return err
		}
		job := download.Job{Set: set, Dir: to, Mirrors: mirrors}
		if len(mirrors) == 0 {
			job.Mirrors = s.Data.Mirrors
		}
		if len(job.Mirrors) == 0 {
			job.Mirrors = nil
		}
		for _, m := range job.Mirrors {
			if err := download.CheckMirror(m); err != nil {
				return usagef("%w", err)
			}
		}
		if job.Dir, err = config.ExpandHome(to); err == nil && to == "" {
			if job.Dir, err = download.Home(set.Name); err != nil {
				err = fmt.Errorf("%w: name a directory with --to", err)
			}
		}
		if err != nil {
			return usagef("%w", err)
		}
		return get(c, job, asJSON)
	}
	return c
}

// get gets a set and says what came of it.
func get(c *cobra.Command, job download.Job, asJSON bool) error {
	con := newConsole(c.ErrOrStderr())
	ctx, stop := untilSignal(c.Context(), func(os.Signal) {})
	defer stop()
	job.Line = con.Line
	job.Bytes = con.came
	out, err := download.Get(ctx, job)
	con.end()
	switch {
	case errors.Is(err, context.Canceled):
		con.Line("interrupted: what has come is kept, and the same command goes on with it")
		return silentError{exitInterrupted}
	case err != nil:
		return err
	case asJSON:
		return json.NewEncoder(c.OutOrStdout()).Encode(out)
	}
	what := "is there, with the published SHA-256"
	if out.There {
		what = "was there already"
	}
	train := "tinygrow train --data " + job.Set.Data
	if home, err := download.Home(job.Set.Name); err != nil || home != out.Dir || job.Set.Name != job.Set.Data {
		train += " --data-dir " + out.Dir
	}
	fmt.Fprintf(printable{c.OutOrStdout()}, "%s %s: %s\ntrain on it: %s\n", job.Set.Title, what, out.Dir, train)
	return nil
}

// came tells how much of a file is there, how fast it comes and how long the rest takes.
func (c *console) came(name string, done, total int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := arrival{c.now(), name, done}
	switch {
	case c.arrivals[0].name != name:
		c.arrivals = [2]arrival{now, now}
	case now.at.Sub(c.arrivals[1].at) >= markInterval:
		c.arrivals = [2]arrival{c.arrivals[1], now}
	}
	if !c.due() {
		return
	}
	parts := []terminal.Part{
		{Rank: 0, Text: fmt.Sprintf("%s: %.1f of %.1f MB", name, float64(done)/1e6, float64(total)/1e6)},
		{Rank: 2, Text: bar(float64(done) / float64(max(total, 1))), Bare: true},
	}
	if spent := now.at.Sub(c.arrivals[0].at); spent > 0 && done > c.arrivals[0].bytes {
		rate := float64(done-c.arrivals[0].bytes) / spent.Seconds()
		parts = append(parts, terminal.Part{Rank: 3, Text: fmt.Sprintf("%.2f MB/s", rate/1e6)},
			terminal.Part{Rank: 1, Text: "ETA " + roughly(time.Duration(float64(total-done)/rate*float64(time.Second)))})
	}
	c.screen.Progress(parts...)
}

// arrival is how much of a file was there at a time. The rate since the older of two counts: networks
// change their minds.
type arrival struct {
	at    time.Time
	name  string
	bytes int64
}
