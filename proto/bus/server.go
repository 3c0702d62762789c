package bus

import (
	"crypto/tls"
	"time"
)

// Server is what a connection tells of the server behind it.
type Server struct {
	Name       string `json:"name"`
	Version    string `json:"version"`
	Cluster    string `json:"cluster,omitempty"`
	MaxPayload int    `json:"max_payload"`
	JetStream  bool   `json:"jetstream"`
	Auth       bool   `json:"auth"`          // it asks for keys
	TLS        string `json:"tls,omitempty"` // version; empty: none
	// CertificateEnds is the end of its certificate, zero without TLS.
	CertificateEnds time.Time `json:"certificate_ends,omitzero"`
}

// Server describes the server that the bus is connected to.
func (b *NATS) Server() Server {
	c := b.control.current()
	s := Server{Name: c.ConnectedServerName(), Version: c.ConnectedServerVersion(), Cluster: c.ConnectedClusterName(),
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
func (b *NATS) RTT() (time.Duration, error) {
	d, err := b.control.current().RTT()
	return d, b.control.wrap(err)
}
