package main

import "github.com/spf13/cobra"

func newResume() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "resume RUN",
		Short: "Continue a run from its last checkpoint, to the same bits as if it had never stopped",
		Long: `Continues the run in directory RUN with the configuration it was started with, coordinator and workers in
this process. Only what does not change the result may differ: workers, threads, the NATS server.`,
		Example: `  tinygrow resume runs/a
  tinygrow resume runs/a --workers 4 --threads 1 --json`,
		Args: oneArg("RUN"),
	}
	src := newSource(c, dataFlags, workersFlag, threadsFlag, natsFlags, listenFlag)
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON object on stdout at the end")
	c.RunE = func(c *cobra.Command, args []string) error {
		s, err := src.readRun(args[0], nothing)
		if err != nil {
			return err
		}
		return runAndReport(c, s, start{resume: true, given: src}, hands(s.Workers), asJSON)
	}
	return c
}
