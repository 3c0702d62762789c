package main

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/tinygrow/tinygrow/coordinator/checkpoint"
	"github.com/tinygrow/tinygrow/deploy/run"
	"github.com/tinygrow/tinygrow/deploy/run/infer"
	"github.com/tinygrow/tinygrow/deploy/run/serve"
	"github.com/tinygrow/tinygrow/worker/quota"
)

func newServe() *cobra.Command {
	var asJSON bool
	config := serve.Default()
	c := &cobra.Command{
		Use:   "serve RUN|CHECKPOINT|EXPORT",
		Short: "Answer over HTTP which classes pictures are of",
		Long: `Serves a saved model: POST /predict takes the bytes of a picture, of any size, and answers with JSON. Pictures that
come at about the same time are evaluated together, each with the bits that it has alone. GET /model tells classes and
inputs, /health whether it is there, /metrics counts and durations for Prometheus.

What comes is bounded: a picture of too many bytes or pixels is refused (413) before it is decoded, and when too many are
in work others are told to come again (503, Retry-After). It listens on this machine only unless --listen says
otherwise, and has neither users nor TLS: put a proxy in front where others may reach it. SIGINT and SIGTERM end it
after the answers that are under way.`,
		Example: `  tinygrow serve runs/cifar10-1
  curl --data-binary @photo.jpg 'http://127.0.0.1:8080/predict?top=5'
  tinygrow serve runs/a --listen 0.0.0.0:80 --queue 1000 --max-bytes 2000000 --json`,
		Args: oneArg("RUN|CHECKPOINT|EXPORT"),
	}
	src := newSource(c, threadsFlag)
	f := c.Flags()
	f.StringVar(&config.Address, "listen", config.Address, "`host:port` to listen on; port 0 is any free one")
	f.IntVar(&config.Batch, "batch", config.Batch, "most pictures to evaluate together")
	f.DurationVar(&config.Wait, "wait", config.Wait, "how long a picture waits for others")
	f.IntVar(&config.Queue, "queue", config.Queue, "pictures in work at a time; others are refused with 503")
	f.Int64Var(&config.Body, "max-bytes", config.Body, "most bytes of a picture")
	f.Int64Var(&config.Pixels, "max-pixels", config.Pixels, "most pixels of a picture")
	f.DurationVar(&config.Timeout, "timeout", config.Timeout, "how long a request may take")
	f.IntVar(&config.Top, "top", config.Top, "classes in an answer, unless the request says")
	f.BoolVar(&asJSON, "json", false, "print one JSON object with the address on stdout once it listens")
	c.RunE = func(c *cobra.Command, args []string) error {
		s, err := run.Open(args[0])
		if err != nil {
			return err
		}
		if err := s.Give(src.given(), run.Nothing); err != nil {
			return err
		}
		if config.Threads = s.Settings.Worker.Threads; config.Threads == 0 {
			config.Threads = quota.CPUs()
		}
		if err := config.Validate(); err != nil {
			return as(exitUsage, err)
		}
		s.Settings.Worker.Threads = 1 // a batch has one thread: the server evaluates several at a time
		n, err := s.Network()
		if err != nil {
			return err
		}
		if n.Card.Table != nil {
			return as(exitUsage, fmt.Errorf(
				"%s reads rows of a table, and serve answers for pictures: ask it with tinygrow predict", args[0]))
		}
		return serveNetwork(c, config, n, checkpoint.ModelSHA256(s.Model), asJSON)
	}
	return c
}

// serveNetwork serves until a signal, and says where.
func serveNetwork(c *cobra.Command, config serve.Config, n *infer.Network, sha256 string, asJSON bool) error {
	out := c.ErrOrStderr()
	ctx, stop := untilSignal(c.Context(), func(os.Signal) {
		fmt.Fprintln(out, "ending after the answers that are under way; a second signal ends at once")
	})
	defer stop()
	server, err := serve.Listen(config, serve.Model{Network: n, SHA256: sha256})
	if err != nil {
		return as(exitNetwork, err)
	}
	if config.Open() {
		fmt.Fprintln(out, "others than this machine may reach it, and it has neither users nor TLS: a proxy in front of it can have both")
	}
	fmt.Fprintf(out, "serving %d classes on %s; try: curl --data-binary @FILE %[2]s/predict\n", len(n.Card.Classes), server.URL())
	if asJSON {
		told := map[string]string{"url": server.URL(), "model_sha256": sha256}
		if err := json.NewEncoder(c.OutOrStdout()).Encode(told); err != nil {
			return err
		}
	}
	return server.Run(ctx)
}
