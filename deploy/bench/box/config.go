package box

import (
	"fmt"
	"time"

	"github.com/tinygrow/tinygrow/tensor/faults"
)

// Servers says where NATS servers are.
type Servers string

// The places of servers: one beside the coordinator, or one on each host, which are
// routes of each other.
const (
	OneServer   Servers = "one"
	EachServers Servers = "each"
)

// Config says what to measure.
type Config struct {
	Binary string // tinygrow
	// Document is the run's configuration as YAML.
	Document []byte
	Links    Links
	Servers  Servers
	// Apart gives the coordinator a host of its own, before the others; else it is on the
	// first that computes.
	Apart bool
	// Workers is the number of workers of each host, Threads of each worker's threads.
	Workers, Threads int
	// Reducers are processes that own ranges of the parameters, one on each of as many hosts.
	Reducers int
}

// Links are hosts and what connects each with the switch.
type Links struct {
	Hosts int           // that compute
	Mbit  float64       // each way, in 10^6 bits/s; 0: no bound
	Delay time.Duration // of each link, each way
}

// Limits of what one machine can hold.
const (
	maxHosts   = 250
	maxWorkers = 64
)

// Validate returns all faults at once, or nil.
func (c Config) Validate() error {
	var found faults.List
	l := c.Links
	found.Check(l.Hosts >= 1 && l.Hosts <= maxHosts, "%d hosts: must be 1 to %d", l.Hosts, maxHosts)
	found.Check(l.Mbit == 0 || l.Mbit >= 1 && l.Mbit <= 1e5, "rate of %v Mbit/s: must be 1 to 100000, or 0 for no bound", l.Mbit)
	found.Check(l.Delay >= 0 && l.Delay <= time.Second, "delay %s: must be 0s to 1s", l.Delay)
	found.Check(c.Servers == OneServer || c.Servers == EachServers, "servers %q: must be one or each", c.Servers)
	found.Check(c.Workers >= 1 && c.Workers <= maxWorkers, "%d workers a host: must be 1 to %d", c.Workers, maxWorkers)
	found.Check(c.Reducers >= 0 && c.Reducers <= l.Hosts, "%d reducers: must be 0 to the number of hosts, %d", c.Reducers, l.Hosts)
	found.Check(c.Threads >= 1, "%d threads: must be at least 1", c.Threads)
	return found.Err()
}

// places returns the number of namespaces with a link, and the first that computes.
func (c Config) places() (all, first int) {
	if c.Apart {
		return c.Links.Hosts + 1, 1
	}
	return c.Links.Hosts, 0
}

// address is that of a host on the switch.
func address(host int) string { return fmt.Sprintf("10.77.%d.%d", host/200, host%200+1) }

// serverConfig is the configuration of the NATS server of a host.
func serverConfig(host int) string {
	routes := ""
	if host > 0 { // one tells of all the others
		routes = fmt.Sprintf("routes: [nats://%s:6222]", address(0))
	}
	return fmt.Sprintf("server_name: box-%d\ncluster { name: box, listen: \"0.0.0.0:6222\", %s }\n", host, routes)
}
