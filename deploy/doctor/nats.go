package doctor

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/proto/bus"
)

// NATS is what is known of the server and of the way to it.
type NATS struct {
	URL    string     `json:"url"`
	Server bus.Server `json:"server"`
	// LatencyMS are round trips of an empty message.
	LatencyMS struct {
		Median float64 `json:"median"`
		P95    float64 `json:"p95"`
	} `json:"latency_ms"`
	// Echo is how many bytes a second go to the server and come back, in
	// messages of MessageBytes. 0: none did.
	Echo         float64 `json:"echo_bytes_per_s"`
	MessageBytes int     `json:"message_bytes"`
}

// Probe bounds the measuring of the connection. The zero value stands for the
// defaults in brackets.
type Probe struct {
	Pings int           // [50]
	Bytes int           // bytes to send [64 MiB]
	Time  time.Duration // at most [3 s]
}

// server is a participant that can tell of the server it is connected to.
type server interface {
	Server() bus.Server
	RTT() (time.Duration, error)
}

// CheckNATS connects as a role and measures. It does nothing to any run.
func (r *Report) CheckNATS(ctx context.Context, role proto.Role, o bus.Options, p Probe) {
	key, err := o.Key()
	if err != nil {
		r.add("nats", Fault, "name this role's own seed.nk with --creds", "%v", err)
		return
	}
	o.Name, o.InboxPrefix, o.Bulk = "tinygrow doctor", role.Inbox(key), nil
	b, err := bus.Open(o)
	if err != nil {
		r.add("nats", Fault, "start the server, open its port, or correct --nats, --creds and --ca", "%v", err)
		return
	}
	defer b.Close()
	s, ok := b.(server)
	if !ok {
		r.add("nats", Fault, "give the address of a NATS server with --nats", "%s is none", bus.Redact(o.URL))
		return
	}
	n := &NATS{URL: bus.Redact(o.URL), Server: s.Server()}
	r.NATS = n
	r.server(n, o)
	r.latency(s, n, p)
	r.bandwidth(ctx, b, n, func(id string) string { return role.ProbeSubject(key, id) }, p)
}

func (r *Report) server(n *NATS, o bus.Options) {
	s := n.Server
	name := fmt.Sprintf("%s, version %s", n.URL, s.Version)
	if s.Cluster != "" {
		name += ", cluster " + s.Cluster
	}
	switch {
	case s.TLS == "" && !loopback(o.URL):
		r.add("nats", Advice, "tinygrow auth init makes a certificate, keys and a configuration for the server",
			"%s: anybody on the way can read and change what is sent", name)
	case !s.Auth && !loopback(o.URL):
		r.add("nats", Advice, "tinygrow auth init makes keys and a configuration for the server",
			"%s: anybody who reaches it can take part", name)
	case s.TLS != "":
		r.add("nats", OK, "", "%s, %s", name, s.TLS)
	default:
		r.add("nats", OK, "", "%s", name)
	}
	if left := time.Until(s.CertificateEnds); !s.CertificateEnds.IsZero() && left < 30*24*time.Hour {
		r.add("certificate", Advice, "tinygrow auth renew, then nats-server --signal reload",
			"ends on %s", s.CertificateEnds.Format("2006-01-02"))
	}
	if s.MaxPayload < proto.MinPayload {
		r.add("limits", Fault, "set max_payload: 1MB in the server's configuration",
			"max_payload is %s: a run needs at least %s", size(float64(s.MaxPayload)), size(proto.MinPayload))
	} else if proto.ChunkSize(s.MaxPayload) < proto.MaxChunk {
		r.add("limits", Advice, "set max_payload: 1MB in the server's configuration",
			"max_payload is %s: tensors travel in smaller pieces than the %s they could", size(float64(s.MaxPayload)), size(proto.MaxChunk))
	} else {
		r.add("limits", OK, "", "max_payload %s", size(float64(s.MaxPayload)))
	}
	if !s.JetStream {
		r.add("jetstream", Advice, "add a jetstream block with sync_interval: always, as deploy/nats.conf does",
			"off: nothing outlasts the server")
	} else {
		r.add("jetstream", OK, "", "on")
	}
}

func (r *Report) latency(b server, n *NATS, p Probe) {
	trips := make([]float64, 0, 50)
	for range cmp.Or(p.Pings, 50) {
		d, err := b.RTT()
		if err != nil {
			r.add("latency", Fault, "look at the server's log", "%v", err)
			return
		}
		trips = append(trips, float64(d)/1e6)
	}
	slices.Sort(trips)
	n.LatencyMS.Median, n.LatencyMS.P95 = trips[len(trips)/2], trips[len(trips)*95/100]
	if n.LatencyMS.Median > 20 {
		r.add("latency", Advice, "put the server nearer to the workers, or take larger batches: each step waits for a few round trips",
			"%.3g ms, 95 %% within %.3g ms", n.LatencyMS.Median, n.LatencyMS.P95)
		return
	}
	r.add("latency", OK, "", "%.3g ms, 95 %% within %.3g ms", n.LatencyMS.Median, n.LatencyMS.P95)
}

// bandwidth sends messages to itself, a few on the way at a time.
func (r *Report) bandwidth(ctx context.Context, b bus.Bus, n *NATS, probe func(id string) string, p Probe) {
	var id [8]byte
	rand.Read(id[:])
	subject := probe(hex.EncodeToString(id[:]))
	n.MessageBytes = min(proto.ChunkSize(b.MaxPayload()), b.MaxPayload())
	ctx, cancel := context.WithTimeout(ctx, 2*cmp.Or(p.Time, 3*time.Second))
	defer cancel()
	back := make(chan int, 1024)
	s, err := b.Subscribe(subject, func(m *bus.Message) { back <- len(m.Data) })
	if err != nil {
		r.add("bandwidth", Fault, "look at the server's log", "%v", err)
		return
	}
	defer s.Close()
	data := make([]byte, n.MessageBytes)
	rand.Read(data)
	const window = 8
	total, began := cmp.Or(p.Bytes, 64<<20), time.Now()
	deadline := began.Add(cmp.Or(p.Time, 3*time.Second))
	sent, received := 0, 0
	for received < total && (time.Now().Before(deadline) || received < sent) {
		for sent < total && sent-received < window*len(data) && time.Now().Before(deadline) {
			if err := b.Publish(subject, data); err != nil {
				r.add("bandwidth", Fault, "look at the server's log", "%v", err)
				return
			}
			sent += len(data)
		}
		select {
		case size := <-back:
			received += size
		case <-ctx.Done():
			r.add("bandwidth", Fault, remedy("let this key publish and subscribe to "+probe(">")+", or try the other --role"),
				"messages to %s do not come back", subject)
			return
		}
	}
	n.Echo = float64(received) / time.Since(began).Seconds()
	if n.Echo < 20e6 {
		r.add("bandwidth", Advice, "a step moves the gradients to the coordinator and the weights back, 8 bytes a parameter and worker: "+
			"take larger batches, or a faster network", "%s/s there and back", size(n.Echo))
		return
	}
	r.add("bandwidth", OK, "", "%s/s there and back", size(n.Echo))
}

// loopback reports whether all servers of a URL are on this machine.
func loopback(list string) bool {
	for _, one := range strings.Split(list, ",") {
		u, err := url.Parse(strings.TrimSpace(one))
		if err != nil {
			return false
		}
		if ip := net.ParseIP(u.Hostname()); u.Hostname() != "localhost" && (ip == nil || !ip.IsLoopback()) {
			return false
		}
	}
	return true
}
