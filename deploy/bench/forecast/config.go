package forecast

import (
	"time"

	"github.com/tinygrow/tinygrow/tensor/faults"
	"github.com/tinygrow/tinygrow/tensor/kernel"
)

// Config is what is forecast.
type Config struct {
	Cluster Cluster `json:"cluster"`
	Job     Job     `json:"job"`
	Layout  Layout  `json:"layout"`
	Costs   Costs   `json:"costs"`
	// Steps are simulated behind one that is not counted; 0: 5, or 1 of a thousand workers or more.
	Steps int `json:"steps"`
}

// Cluster is the machines and what connects them. Each has one link to a switch that is
// no bound itself.
type Cluster struct {
	Hosts   int `json:"hosts"`   // that compute
	Workers int `json:"workers"` // of each host
	Threads int `json:"threads"` // of each worker
	// Apart gives the coordinator a host of its own; else it is on the first that computes.
	Apart bool    `json:"coordinator_apart"`
	Mbit  float64 `json:"link_mbit_per_s"` // each way; 0: no bound
	// RTT is the round trip between two hosts.
	RTT time.Duration `json:"rtt_ns"`
	// Each says that every host has a NATS server, not the coordinator's alone.
	Each bool `json:"server_on_each"`
	// Shared, if not 0, is how many processors all hosts share: they are namespaces of one
	// machine. Else each thread has its own.
	Shared int `json:"shared_cores,omitempty"`
}

// cores is the number of processors that a host has.
func (k Cluster) cores() int {
	if k.Shared > 0 {
		return k.Shared
	}
	return k.Workers * k.Threads
}

// Job is what is trained.
type Job struct {
	Model      string `json:"model"`
	Params     int    `json:"params"`
	Buffers    int    `json:"buffers"`    // numbers that travel with the weights
	Statistics int    `json:"statistics"` // float64 values that travel with a gradient
	Batch      int    `json:"batch"`
	MicroShard int    `json:"microshard"`
	Samples    int    `json:"samples"` // of an epoch
	// Undivided are the stretches of the parameters that an update needs as a whole, in order
	// (see optim.Optimizer.Undivided).
	Undivided []kernel.Range `json:"undivided,omitempty"`
}

// Layout is how sums and weights travel.
type Layout struct {
	// Reducers is among how many owners the parameters are shared out; 0: the coordinator
	// has them all.
	Reducers int `json:"reducers"`
	// Bytes of a number on the wire, 4 or 2.
	Bytes int `json:"bytes"`
	// Combine says that the workers of a host send one sum and get one copy of the weights.
	Combine bool `json:"combine"`
	// Every is how many steps replicas make by themselves between two averages; 1: none.
	// Replicas is their number then.
	Every    int `json:"every"`
	Replicas int `json:"replicas"`
}

// Costs are measured times of one processor.
type Costs struct {
	// MicroShardMS is milliseconds to compute one, in processor time.
	MicroShardMS float64 `json:"microshard_ms"`
	// StandIn says that computing is waiting, which takes no processor.
	StandIn bool `json:"stand_in,omitempty"`

	SumNS    float64 `json:"sum_ns_per_value"`     // adding one float32 to another
	UpdateNS float64 `json:"update_ns_per_value"`  // optimizer, digest and copy of a parameter
	EncodeNS float64 `json:"encode_ns_per_byte"`   // a tensor into messages, into a socket
	DecodeNS float64 `json:"decode_ns_per_byte"`   // out of a socket, checked and put in its place
	ServerNS float64 `json:"server_ns_per_byte"`   // one copy through a NATS server
	ServeUS  float64 `json:"serve_us_per_message"` // the coordinator's answer to a message
}

// Validate returns all faults at once, or nil.
func (c Config) Validate() error {
	var found faults.List
	k, j, l := c.Cluster, c.Job, c.Layout
	found.Check(k.Hosts >= 1 && k.Workers >= 1 && k.Hosts <= 10_000 && k.Workers <= 1024 && k.Hosts*k.Workers <= 10_000,
		"%d hosts of %d workers: must be at least 1 each, and 10000 workers at most", k.Hosts, k.Workers)
	found.Check(k.Threads >= 1 && k.Threads <= 1024, "%d threads: must be 1 to 1024", k.Threads)
	found.Check(k.Mbit == 0 || k.Mbit >= 0.1 && k.Mbit <= 1e6, "links of %v Mbit/s: must be 0.1 to 1000000, or 0 for no bound", k.Mbit)
	found.Check(k.RTT >= 0 && k.RTT <= 10*time.Second, "round trip of %s: must be 0s to 10s", k.RTT)
	found.Check(k.Shared >= 0 && k.Shared <= 4096, "%d shared processors: must be 0 to 4096", k.Shared)
	found.Check(j.Params >= 1 && j.Params <= 1<<30, "%d parameters: must be 1 to %d", j.Params, 1<<30)
	found.Check(j.Buffers >= 0 && j.Statistics >= 0, "%d buffers, %d statistics: must be at least 0", j.Buffers, j.Statistics)
	found.Check(j.Batch >= 1 && j.Batch <= 1<<26, "batch of %d: must be 1 to %d", j.Batch, 1<<26)
	found.Check(j.MicroShard >= 1 && j.MicroShard <= 1<<16, "micro-shard of %d: must be 1 to %d", j.MicroShard, 1<<16)
	found.Check(j.Samples >= 0, "epoch of %d samples: must be at least 0", j.Samples)
	end := 0
	for _, u := range j.Undivided {
		found.Check(end <= u.Lo && u.Lo < u.Hi && u.Hi <= j.Params, "undivided parameters %d to %d: must ascend and be among %d", u.Lo,
			u.Hi, j.Params)
		end = u.Hi
	}
	found.Check(l.Reducers >= 0 && l.Reducers <= k.Hosts, "%d reducers: must be 0 to the number of hosts, %d", l.Reducers, k.Hosts)
	found.Check(l.Bytes == 4 || l.Bytes == 2, "%d bytes a number: must be 4 or 2", l.Bytes)
	found.Check(l.Every >= 1 && l.Every <= 1<<16, "local steps %d: must be 1 to %d", l.Every, 1<<16)
	found.Check(l.Every == 1 || l.Replicas >= 1 && l.Replicas <= j.Batch, "%d replicas: must be 1 to the batch, %d", l.Replicas, j.Batch)
	found.Check(c.Steps >= 0 && c.Steps <= 10_000, "%d steps: must be 0 to 10000", c.Steps)
	found.Add(c.Costs.Validate())
	return found.Err()
}

// Validate returns all faults at once, or nil.
func (c Costs) Validate() error {
	var found faults.List
	for _, of := range []struct {
		key  string
		cost float64
	}{{"microshard_ms", c.MicroShardMS}, {"sum_ns_per_value", c.SumNS}, {"update_ns_per_value", c.UpdateNS},
		{"encode_ns_per_byte", c.EncodeNS}, {"decode_ns_per_byte", c.DecodeNS}, {"server_ns_per_byte", c.ServerNS},
		{"serve_us_per_message", c.ServeUS}} {
		found.Check(of.cost >= 0 && of.cost <= 1e7, "%s %v: must be 0 to 10000000", of.key, of.cost)
	}
	return found.Err()
}

// units returns into how many parts a round's work is cut, and how many of them a thread
// computes at a time: micro-shards, or replicas of local steps.
func (c Config) units() int {
	if c.Layout.Every > 1 {
		return c.Layout.Replicas
	}
	return (c.Job.Batch + c.Job.MicroShard - 1) / c.Job.MicroShard
}

// weights returns the bytes of the weights on the wire, sums those of a partial that are
// numbers by parameter, and rest those that are not.
func (c Config) weights() int { return c.Layout.Bytes * (c.Job.Params + c.Job.Buffers) }
func (c Config) sums() int    { return c.Layout.Bytes * c.Job.Params }
func (c Config) rest() int    { return 8 * c.Job.Statistics }
