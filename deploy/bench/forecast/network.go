package forecast

import "time"

// headers is by how much headers lengthen what a link carries: 66 bytes of Ethernet, IP
// and TCP for 1448.
const headers = 1514.0 / 1448

// pipe is one direction of a link: what comes waits until what came before is through.
type pipe struct {
	perByte float64 // nanoseconds
	free    time.Duration
	bytes   float64
	busy    time.Duration
}

// pass lets so many bytes through from t on and returns when the first one is on its way.
func (p *pipe) pass(t time.Duration, bytes int) (from time.Duration) {
	from = max(t, p.free)
	took := time.Duration(float64(bytes) * p.perByte)
	p.free = from + took
	p.busy += took
	p.bytes += float64(bytes)
	return from
}

// site is a host on the network.
type site struct {
	up, down pipe
	server   *lane // its NATS server; nil: it has none
}

// network is hosts, servers and what connects them.
type network struct {
	clock *clock
	costs Costs
	delay time.Duration // of each link each way
	hosts []*site
}

func newNetwork(c *clock, k Cluster, costs Costs, cores *pool) *network {
	n := &network{clock: c, costs: costs, delay: k.RTT / 4}
	places := k.Hosts
	if k.Apart {
		places++
	}
	for i := range places {
		s := new(site)
		if k.Mbit > 0 {
			perByte := 8e3 / k.Mbit * headers
			s.up.perByte, s.down.perByte = perByte, perByte
		}
		if i == 0 || k.Each {
			s.server = &lane{clock: c, pool: cores}
		}
		n.hosts = append(n.hosts, s)
	}
	return n
}

// bulk is the least size of a message that waits for its turn on a link; shorter ones
// have a connection of their own.
const bulk = 16 << 10

// carry brings bytes from one host to another and calls then. Bytes enter the second
// link as they leave the first.
func (n *network) carry(from, to, bytes int, then func()) {
	if from == to {
		then()
		return
	}
	a, b := &n.hosts[from].up, &n.hosts[to].down
	if bytes < bulk {
		a.bytes, b.bytes = a.bytes+float64(bytes), b.bytes+float64(bytes)
		n.clock.in(2*n.delay+time.Duration(float64(bytes)*(a.perByte+b.perByte)), then)
		return
	}
	start := a.pass(n.clock.now, bytes)
	// The second link is asked for when the first byte gets there: until then others may.
	n.clock.at(start+n.delay, func() {
		b.pass(n.clock.now, bytes)
		n.clock.at(b.free+n.delay, then)
	})
}

// through copies bytes through the server of a host.
func (n *network) through(host, bytes int, then func()) {
	n.hosts[host].server.do(time.Duration(float64(bytes)*n.costs.ServerNS), then)
}

// publish brings bytes from a host to receivers on others, and calls got with the index of
// each. Between servers there is one copy, from the last server to each receiver one.
func (n *network) publish(from, bytes int, receivers []int, got func(i int)) {
	if n.hosts[from].server == nil {
		n.carry(from, 0, bytes, func() { n.fan(0, bytes, receivers, got) })
		return
	}
	n.fan(from, bytes, receivers, got)
}

// fan brings bytes from the server of a host to all receivers.
func (n *network) fan(at, bytes int, receivers []int, got func(i int)) {
	beyond := map[int][]int{}
	var order []int
	for i, host := range receivers {
		switch {
		case host == at:
			n.through(at, bytes, func() { got(i) })
		case n.hosts[host].server == nil:
			n.through(at, bytes, func() { n.carry(at, host, bytes, func() { got(i) }) })
		default:
			if beyond[host] == nil {
				order = append(order, host)
			}
			beyond[host] = append(beyond[host], i)
		}
	}
	for _, host := range order {
		n.through(at, bytes, func() {
			n.carry(at, host, bytes, func() {
				for _, i := range beyond[host] {
					n.through(host, bytes, func() { got(i) })
				}
			})
		})
	}
}
