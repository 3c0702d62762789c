package main

import (
	"encoding/json"
	"io"

	"github.com/spf13/cobra"

	"github.com/tinygrow/tinygrow/deploy/bench/scale"
	"github.com/tinygrow/tinygrow/proto/bus/natsserver"
	"github.com/tinygrow/tinygrow/tensor/cputime"
)

// newBenchNATS is the server process that bench scale and chaos start.
func newBenchNATS() *cobra.Command {
	var o natsserver.Options
	c := &cobra.Command{
		Use:    "nats",
		Short:  "Run a NATS server on the loopback interface until stdin ends",
		Hidden: true,
		Args:   noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			server, err := natsserver.Start(o)
			if err != nil {
				return err
			}
			defer server.Stop()
			out := json.NewEncoder(c.OutOrStdout())
			before := cputime.Used()
			if err := out.Encode(scale.Server{URL: server.URL()}); err != nil {
				return err
			}
			if _, err := io.Copy(io.Discard, c.InOrStdin()); err != nil {
				return err
			}
			return out.Encode(scale.Server{CPUS: (cputime.Used() - before).Seconds()})
		},
	}
	c.Flags().StringVar(&o.Host, "host", "", "address to listen on; empty: the loopback interface")
	c.Flags().StringVar(&o.Config, "server-config", "", "configuration file of nats-server")
	c.Flags().IntVar(&o.Port, "port", 0, "port; 0: a free one")
	c.Flags().StringVar(&o.StoreDir, "store", "", "directory of JetStream's files; empty: no JetStream")
	return c
}
