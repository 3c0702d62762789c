package bus

import "time"

// Server is what a connection tells of the server behind it.
type Server struct {
	Name       string `json:"name"`
	Version    string `json:"version"`
	Cluster    string `json:"cluster,omitempty"`
	MaxPayload int    `json:"max_payload"`
	JetStream  bool   `json:"jetstream"`
	// Auth says whether it asks for keys.
	Auth bool `json:"auth"`
	// TLS is the version of TLS; empty: none.
	TLS string `json:"tls,omitempty"`
	// CertificateEnds is the end of its certificate, zero without TLS.
	CertificateEnds time.Time `json:"certificate_ends,omitzero"`
}
