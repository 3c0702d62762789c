// Package natsserver runs a NATS server inside the process: for `tinygrow
// train`, which needs nothing installed, and for tests. It is not for runs on
// many machines: there a server of its own belongs in front.
package natsserver

import (
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// Options of a server; the zero value listens on a free port of the loopback
// interface, without JetStream.
type Options struct {
	Host string // empty: 127.0.0.1
	Port int    // 0: a free one
	// StoreDir turns JetStream on and holds its files.
	StoreDir string
	// MaxPayload is the largest message in bytes; 0: NATS's default of 1 MiB.
	MaxPayload int32
}

// Server is a running server.
type Server struct{ s *server.Server }

// Start runs a server and returns when it takes connections.
func Start(o Options) (*Server, error) {
	opts := &server.Options{
		Host: o.Host, Port: o.Port, NoLog: true, NoSigs: true, MaxPayload: o.MaxPayload,
		JetStream: o.StoreDir != "", StoreDir: o.StoreDir, SyncAlways: o.StoreDir != "",
	}
	if opts.Host == "" {
		opts.Host = "127.0.0.1"
	}
	if opts.Port == 0 {
		opts.Port = server.RANDOM_PORT
	}
	s, err := server.NewServer(opts)
	if err != nil {
		return nil, fmt.Errorf("embedded NATS server: %w", err)
	}
	go s.Start() // ends with Stop
	if !s.ReadyForConnections(10 * time.Second) {
		s.Shutdown()
		return nil, errors.New("embedded NATS server: not ready after 10 s")
	}
	return &Server{s}, nil
}

// URL is where clients reach the server.
func (s *Server) URL() string { return s.s.ClientURL() }

// Stop ends the server and returns when it is down.
func (s *Server) Stop() {
	s.s.Shutdown()
	s.s.WaitForShutdown()
}
