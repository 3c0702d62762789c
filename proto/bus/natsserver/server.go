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
	// Config is a configuration file of nats-server; Host, Port and StoreDir go before it.
	Config string
	// MaxPayload is the largest message in bytes; 0: NATS's default of 1 MiB.
	MaxPayload int32
	// MaxStore is how many bytes JetStream keeps on disk; 0: what is free there.
	MaxStore int64
}

// Server is a running server.
type Server struct {
	s *server.Server
	o Options
}

// Start runs a server and returns when it takes connections.
func Start(o Options) (*Server, error) {
	opts, err := o.resolve()
	if err != nil {
		return nil, err
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
	return &Server{s, o}, nil
}

// resolve returns the server's options, with those of the configuration file.
func (o Options) resolve() (*server.Options, error) {
	opts := new(server.Options)
	if o.Config != "" {
		var err error
		if opts, err = server.ProcessConfigFile(o.Config); err != nil {
			return nil, fmt.Errorf("embedded NATS server: %w", err)
		}
		opts.HTTPPort = 0 // nobody watches it there
	}
	opts.Host, opts.Port, opts.NoLog, opts.NoSigs = o.Host, o.Port, true, true
	if o.MaxPayload != 0 {
		opts.MaxPayload = o.MaxPayload
	}
	if o.StoreDir != "" {
		opts.JetStream, opts.StoreDir, opts.SyncAlways, opts.JetStreamMaxStore = true, o.StoreDir, true, o.MaxStore
	}
	if opts.Host == "" {
		opts.Host = "127.0.0.1"
	}
	if opts.Port == 0 {
		opts.Port = server.RANDOM_PORT
	}
	return opts, nil
}

// Reload takes up what changed in the configuration file, as keys and rights.
// Options.Port must name the port.
func (s *Server) Reload() error {
	opts, err := s.o.resolve()
	if err != nil {
		return err
	}
	if err := s.s.ReloadOptions(opts); err != nil {
		return fmt.Errorf("embedded NATS server: %w", err)
	}
	return nil
}

// URL is where clients reach the server.
func (s *Server) URL() string { return s.s.ClientURL() }

// StopJetStream does what a server does to itself when its disk is full: it goes
// on without JetStream until it is started again.
func (s *Server) StopJetStream() error { return s.s.ShutdownJetStream() }

// Stop ends the server and returns when it is down.
func (s *Server) Stop() {
	s.s.Shutdown()
	s.s.WaitForShutdown()
}
