package main

import (
	"crypto/rand"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

func newTrain() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "train",
		Short: "Train and grow a network, everything in this process",
		Long: `Runs a coordinator and workers in this process and trains a growing network. Without flags it draws a small
data set and shows several growth events within a minute. Interrupt it once, end it (SIGTERM, SIGQUIT) or
close its terminal, and it finishes the step, writes a checkpoint and says how to resume; a second interrupt ends it at
once. More workers may join over NATS: over the server of --nats, or over one that
--listen starts in this process.

` + keyHelp(),
		Example: `  tinygrow train
  tinygrow train --data cifar10 --data-dir ~/cifar --model cnn --epochs 3 --workers 2
  tinygrow train --config run.yaml --set optim.momentum=0.8 --policy gradmax --run-dir runs/g --json`,
		Args: noArgs,
	}
	src := newSource(c, dataFlags, runFlags, endFlags, policyFlag, runPlaceFlags, workersFlag, threadsFlag, natsFlags, listenFlag)
	src.addNetworkOf()
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON object on stdout at the end")
	c.RunE = func(c *cobra.Command, _ []string) error {
		s, err := src.resolve(defaults())
		if err != nil {
			return err
		}
		s.name(func() string { return freshID(&s, time.Now()) })
		return runAndReport(c, s, start{given: src}, hands(s.Workers), asJSON)
	}
	return c
}

// freshID names a run for people, and by a random part apart from one that begins
// in the same second, here or elsewhere.
func freshID(s *settings, now time.Time) string {
	return fmt.Sprintf("%s-%s-%s-%s", s.Data.Name, s.Model.Name, now.Format("20060102-150405"), strings.ToLower(rand.Text()[:6]))
}
