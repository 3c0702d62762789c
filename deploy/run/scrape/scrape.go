// Package scrape answers a Prometheus server that asks a process for its numbers.
//
// It only reads. An address without a host is this machine's own; on others everybody
// who reaches it may ask, and what is told are counts and the names of workers, layers
// and runs. Few may ask at a time, so that askers cost a bounded memory.
package scrape

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// ErrAddress is returned for an address on which nobody can listen.
var ErrAddress = errors.New("address of the metrics")

// Address returns host:port of what a setting says: host:port, or a port alone, which
// is one of the loopback address.
func Address(text string) (string, error) {
	host, port, err := net.SplitHostPort(text)
	if err != nil {
		host, port = "", strings.TrimPrefix(text, ":")
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || strconv.FormatUint(n, 10) != port {
		return "", fmt.Errorf("%w: %q: must be host:port, or a port of this machine alone, as 9464", ErrAddress, text)
	}
	if host == "" {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port), nil
}

// mostAskers may be answered at a time; answerIn is how long an answer may take.
const (
	mostAskers = 4
	answerIn   = 10 * time.Second
)

// Handler answers with what is in a registry.
func Handler(r *prometheus.Registry) http.Handler {
	return promhttp.HandlerFor(r, promhttp.HandlerOpts{MaxRequestsInFlight: mostAskers, Timeout: answerIn})
}

// Registry returns a registry with the numbers that every process has: memory,
// processor time, files, goroutines.
func Registry() *prometheus.Registry {
	r := prometheus.NewRegistry()
	r.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return r
}

// Server answers GET /metrics until Close.
type Server struct {
	listener net.Listener
	server   *http.Server
	done     chan struct{} // it is closed when nothing listens any more
}

// Listen answers at an address, as Address returns it, with what is in r.
func Listen(address string, r *prometheus.Registry) (*Server, error) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("%w: %w: name another, or port 0 for a free one", ErrAddress, err)
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", Handler(r))
	s := &Server{listener: l, done: make(chan struct{}), server: &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout: answerIn, WriteTimeout: 2 * answerIn, IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10,
		ErrorLog: log.New(silent{}, "", 0)}}
	go func() {
		defer close(s.done)
		_ = s.server.Serve(l) // it ends when it is told to, by Close
	}()
	return s, nil
}

// silent drops what the HTTP library says of single connections.
type silent struct{}

func (silent) Write(p []byte) (int, error) { return len(p), nil }

// URL returns where the metrics are.
func (s *Server) URL() string { return "http://" + s.listener.Addr().String() + "/metrics" }

// Open reports whether others than this machine may reach it.
func (s *Server) Open() bool {
	at, ok := s.listener.Addr().(*net.TCPAddr)
	return !ok || !at.IP.IsLoopback()
}

// Close ends it after the answers that are under way, within a second.
func (s *Server) Close() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if s.server.Shutdown(ctx) != nil {
		s.server.Close()
	}
	<-s.done
}
