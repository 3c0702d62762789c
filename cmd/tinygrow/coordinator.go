package main

import (
	"errors"

	"github.com/spf13/cobra"

	"github.com/tinygrow/tinygrow/coordinator/checkpoint"
)

func newCoordinator() *cobra.Command {
	var asJSON, resume, standby, check bool
	c := &cobra.Command{
		Use:   "coordinator",
		Short: "Run the coordinator of a job whose workers join over NATS",
		Long: `Runs the coordinator alone: it waits for workers on the NATS server, hands out work, updates the weights,
decides on growth and keeps the run directory. It reads the data set only to know its size and digest.
With --resume it takes up the run in --run-dir if there is one, with the configuration that run was started with:
what decides its result may be given again, not changed, but for a later end (tinygrow resume --help).
With --standby it waits while another coordinator leads the run, and takes over within seconds when that dies, is cut
off or stops: start two or more of them so and one works. That needs a NATS server with JetStream: it keeps
the log of commits, which makes sure that no two ever lead at once, and the newest checkpoint, so that each of them may
have a run directory of its own or all share one.`,
		Example: `  tinygrow coordinator --nats nats://host:4222 --run-dir runs/a --data cifar10 --data-dir ~/cifar --epochs 20
  tinygrow coordinator --nats nats://host:4222 --run-dir runs/a --resume
  tinygrow coordinator --nats nats://host:4222 --run a --run-dir runs/a --standby`,
		Args: noArgs,
	}
	src := newSource(c, dataFlags, runFlags, endFlags, policyFlag, runPlaceFlags, natsFlags, healthFlag)
	src.addNetworkOf()
	c.Flags().BoolVar(&resume, "resume", false, "take up the run in --run-dir if there is one")
	c.Flags().BoolVar(&standby, "standby", false, "wait while another coordinator leads the run, then take over")
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON object on stdout at the end")
	c.Flags().BoolVar(&check, "check", false, "look at settings, data set and run directory for faults, and start nothing")
	c.RunE = func(c *cobra.Command, _ []string) error {
		s, resumed, err := src.forCoordinator(resume, standby)
		if err != nil {
			return err
		}
		if check {
			return s.checkRun(resumed)
		}
		return runAndReport(c, s, start{resumed && !standby, standby, src}, 0, asJSON)
	}
	return c
}

// checkRun returns what would keep a coordinator from running, but for the server.
func (s *settings) checkRun(resumed bool) error {
	if _, _, err := s.openData(); err != nil {
		return err
	}
	if !resumed {
		return nil
	}
	_, err := checkpoint.Latest(s.RunDir)
	if errors.Is(err, checkpoint.ErrNoCheckpoint) {
		return nil // the run begins anew
	}
	return err
}

// forCoordinator returns the settings of a new run or, if it may be resumed and
// is there already, of the run in the directory.
// A run that others may be leading is not extended.
func (s *source) forCoordinator(mayResume, standby bool) (out settings, resume bool, err error) {
	named := defaults()
	s.lay(&named) // its faults are told with all others
	if named.Run != "" || named.RunDir != "" {
		named.name(nil)
	}
	allowed := extending
	if standby {
		allowed = nothing
	}
	if resume = (mayResume || standby) && named.RunDir != "" && holdsRun(named.RunDir); resume {
		out, err = s.readRun(named.RunDir, allowed)
	} else {
		out, err = s.resolve(defaults())
	}
	if err != nil {
		return out, resume, err
	}
	if out.Run == "" && out.RunDir == "" {
		return out, resume, usagef("coordinator needs a name that workers can give: --run ID or --run-dir DIR")
	}
	out.name(nil)
	return out, resume, out.needNATS("coordinator")
}

// needNATS refuses to go on without the address of a server.
func (p *place) needNATS(command string) error {
	if p.NATS.URL == "" {
		return usagef("%s needs a NATS server: --nats nats://host:4222 (tinygrow train needs none)", command)
	}
	return nil
}
