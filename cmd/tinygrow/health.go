package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/tinygrow/tinygrow/deploy/health"
	"github.com/tinygrow/tinygrow/deploy/run/config"
	"github.com/tinygrow/tinygrow/proto"
)

var healthFlag = []keyFlag{{"health", "health", "file", "file in which to show signs of life, for tinygrow health"}}

func newHealth() *cobra.Command {
	var patience, stall time.Duration
	var quit bool
	var asJSON bool
	variable := config.Variable("health")
	c := &cobra.Command{
		Use:   "health [FILE]",
		Short: "Tell whether a coordinator or worker on this machine is alive",
		Long: `Reads the file that a coordinator or worker writes when it was started with --health FILE, and exits with 0
if its last sign of life is recent and it got somewhere not long ago: a round, a part of one, an answer to a request;
else with 1. One that waits, for workers or for a coordinator, is healthy as long as the server answers it. Without an argument the
file is that of ` + variable + `. --quit is for what looks at health and starts processes again only when they
have ended, as Docker does.`,
		Example: "  tinygrow worker --nats nats://host:4222 --run a --health /run/tinygrow/worker\n  tinygrow health /run/tinygrow/worker",
		Args:    atMostOneArg,
		RunE: func(c *cobra.Command, args []string) error {
			file := os.Getenv(variable)
			if len(args) > 0 {
				file = args[0]
			}
			if file == "" {
				return usagef("health needs the file that --health named, or %s", variable)
			}
			file, err := config.ExpandHome(file)
			if err != nil {
				return as(exitUsage, err)
			}
			status, err := health.Check(file, time.Now(), patience, stall)
			if quit && err != nil && status.PID > 0 {
				err = errors.Join(err, health.Quit(status))
			}
			if asJSON {
				answer := struct {
					Alive bool `json:"alive"`
					health.Status
				}{err == nil, status}
				if err := json.NewEncoder(c.OutOrStdout()).Encode(answer); err != nil {
					return err
				}
			}
			if err == nil && !asJSON {
				fmt.Fprintf(c.OutOrStdout(), "%s alive: %s\n", proto.Printable(status.Role), proto.Printable(status.State))
			}
			return err
		},
	}
	c.Flags().DurationVar(&patience, "patience", 2*time.Minute,
		"age of a sign of life that still counts; growth events of large networks take long")
	c.Flags().DurationVar(&stall, "stall", health.Stall, "how long a process may live and get nowhere, as in a block of a large network")
	c.Flags().BoolVar(&quit, "quit", false, "tell a process that is not healthy to quit (SIGQUIT): it writes a checkpoint and "+
		"exits with 130")
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON object on stdout")
	return c
}
