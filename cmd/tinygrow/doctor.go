package main

import (
	"encoding/json"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/tinygrow/tinygrow/deploy/doctor"
	"github.com/tinygrow/tinygrow/deploy/run"
	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/proto/bus"
	"github.com/tinygrow/tinygrow/worker/dataset"
	"github.com/tinygrow/tinygrow/worker/quota"
)

func newDoctor() *cobra.Command {
	var asJSON bool
	var role, digest string
	c := &cobra.Command{
		Use:   "doctor",
		Short: "Check this machine, the NATS server and the data set, and say what to change",
		Long: `Looks at processors, memory and their quotas; with --nats at the server, its limits, and latency and bandwidth
of the way to it; and reads the data set. It takes part in no run.`,
		Example: `  tinygrow doctor
  tinygrow doctor --nats nats://host:4222 --creds worker/seed.nk --ca worker/ca.crt --data cifar10 --data-dir ~/cifar`,
		Args: noArgs,
	}
	src := newSource(c, dataFlags, natsFlags)
	f := c.Flags()
	f.StringVar(&role, "role", string(proto.WorkerRole), "`role` to whom the key belongs: coordinator, worker, reducer or viewer")
	f.StringVar(&digest, "digest", "", "`beginning` of the digest that the data set must have, as another machine's doctor shows it")
	f.BoolVar(&asJSON, "json", false, "print one JSON object on stdout")
	c.RunE = func(c *cobra.Command, _ []string) error {
		s, err := src.given().Resolve(run.Defaults())
		if err != nil {
			return err
		}
		if !slices.Contains(proto.Roles(), proto.Role(role)) {
			return usagef("--role %q: must be coordinator, worker or viewer", role)
		}
		var r doctor.Report
		r.CheckMachine(doctor.ThisMachine(quota.CPUs(), quota.CPUQuota(), quota.Memory()))
		if s.NATS.URL != "" {
			r.CheckKey(s.NATS.Creds)
			r.CheckNATS(c.Context(), proto.Role(role), bus.Options{URL: s.NATS.URL, SeedFile: s.NATS.Creds, CAFile: s.NATS.CA},
				doctor.Probe{})
		}
		r.CheckData(readData(s.Data), digest)
		if asJSON {
			err = json.NewEncoder(c.OutOrStdout()).Encode(&r)
		} else {
			err = r.Write(c.OutOrStdout())
		}
		switch {
		case err != nil:
			return err
		case r.Faulty("data"):
			return silentError{exitData}
		case r.Worst() == doctor.Fault:
			return silentError{exitNetwork}
		}
		return nil
	}
	return c
}

func readData(cfg dataset.Config) doctor.Data {
	began := time.Now()
	d := doctor.Data{Name: cfg.Name}
	set, err := dataset.Open(cfg)
	if err != nil {
		d.Err = err
		return d
	}
	d.Digest, d.Train, d.Test, d.Seconds = set.Digest(), set.Len(dataset.Train), set.Len(dataset.Test), time.Since(began).Seconds()
	d.Notes = set.Notes()
	return d
}
