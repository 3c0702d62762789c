package natsbus

import (
	"crypto/tls"
	"time"

	"github.com/tinygrow/tinygrow/proto/bus"
)

// Server describes the server that the bus is connected to.
func (b *Bus) Server() bus.Server {
	c := b.control.current()
	s := bus.Server{Name: c.ConnectedServerName(), Version: c.ConnectedServerVersion(), Cluster: c.ConnectedClusterName(),
		MaxPayload: int(c.MaxPayload()), Auth: c.AuthRequired()}
	s.JetStream, _ = c.ConnectedServerJetStream()
	if state, err := c.TLSConnectionState(); err == nil {
		s.TLS = tls.VersionName(state.Version)
		if len(state.PeerCertificates) > 0 {
			s.CertificateEnds = state.PeerCertificates[0].NotAfter
		}
	}
	return s
}

// RTT measures one round trip to the server.
func (b *Bus) RTT() (time.Duration, error) {
	d, err := b.control.current().RTT()
	return d, b.control.wrap(err)
}
