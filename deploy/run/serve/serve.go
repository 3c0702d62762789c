package serve

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"runtime"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/tinygrow/tinygrow/deploy/run/infer"
	"github.com/tinygrow/tinygrow/tensor/nn"
	"github.com/tinygrow/tinygrow/worker/dataset"
)

// Model is what is served.
type Model struct {
	Network *infer.Network // one thread is enough: the server has its own
	SHA256  string
}

// Server answers requests about pictures.
type Server struct {
	config   Config
	model    Model
	listener net.Listener
	http     http.Server
	batches  batcher
	metrics  *metrics
	places   chan struct{} // one for each picture in work
	decoders chan struct{} // one for each picture that is being decoded
	ending   atomic.Bool
}

// Listen opens the address and returns a server that answers once Run is called.
func Listen(c Config, m Model) (*Server, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", c.Address)
	if err != nil {
		return nil, fmt.Errorf("%w: name another address", err)
	}
	s := &Server{config: c, model: m, listener: l, places: make(chan struct{}, c.Queue),
		decoders: make(chan struct{}, runtime.GOMAXPROCS(0))}
	s.metrics = newMetrics(func() int { return len(s.places) })
	s.batches = batcher{net: m.Network, most: c.Batch, wait: c.Wait, queue: make(chan item, c.Queue), ran: s.metrics.ran}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /predict", s.predict)
	mux.HandleFunc("GET /model", s.about)
	mux.HandleFunc("GET /health", s.health)
	mux.Handle("GET /metrics", s.metrics.handler())
	s.http = http.Server{Handler: mux, ReadHeaderTimeout: min(c.Timeout, 5*time.Second), ReadTimeout: c.Timeout,
		WriteTimeout: c.Timeout + 5*time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10,
		ErrorLog: slog.NewLogLogger(slog.Default().Handler(), slog.LevelDebug)}
	return s, nil
}

// URL returns where the server is.
func (s *Server) URL() string { return "http://" + s.listener.Addr().String() }

// Run answers until ctx ends; then it takes no more, answers what it has, for as long as
// a request may take, and returns nil.
func (s *Server) Run(ctx context.Context) error {
	s.batches.start(s.config.Threads)
	failed := make(chan error, 1)
	go func() { failed <- s.http.Serve(s.listener) }()
	var err error
	select {
	case err = <-failed:
	case <-ctx.Done():
		s.ending.Store(true)
		end, cancel := context.WithTimeout(context.Background(), s.config.Timeout)
		if late := s.http.Shutdown(end); late != nil {
			err = errors.Join(late, s.http.Close())
		}
		cancel()
		if served := <-failed; !errors.Is(served, http.ErrServerClosed) {
			err = errors.Join(err, served)
		}
	}
	for range cap(s.places) { // a handler whose connection was closed may still be at work
		s.places <- struct{}{}
	}
	close(s.batches.queue)
	s.batches.workers.Wait()
	return err
}

// fault is an error with the status that tells it.
type fault struct {
	status int
	error
}

// reply writes an answer as JSON.
func reply(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // who asked may be gone
}

// predict answers what a picture is of.
func (s *Server) predict(w http.ResponseWriter, r *http.Request) {
	began := time.Now()
	ctx, cancel := context.WithTimeout(r.Context(), s.config.Timeout)
	defer cancel()
	top, err := s.classify(ctx, w, r)
	status := http.StatusOK
	if err != nil {
		var f fault
		switch {
		case errors.As(err, &f):
			status = f.status
		case ctx.Err() != nil:
			status, err = http.StatusServiceUnavailable, fmt.Errorf("no answer within %s", s.config.Timeout)
		default:
			status = http.StatusInternalServerError
		}
	}
	s.metrics.answered(status, time.Since(began))
	if err != nil {
		if status == http.StatusServiceUnavailable {
			w.Header().Set("Retry-After", "1")
		}
		reply(w, status, map[string]string{"error": err.Error()})
		return
	}
	reply(w, status, map[string]any{"top": top})
}

// classify reads the picture of a request and asks the network.
func (s *Server) classify(ctx context.Context, w http.ResponseWriter, r *http.Request) ([]infer.Choice, error) {
	top, err := s.top(r)
	if err != nil {
		return nil, err
	}
	if r.ContentLength > s.config.Body {
		return nil, s.tooLarge()
	}
	select {
	case s.places <- struct{}{}:
		defer func() { <-s.places }()
	default:
		return nil, fault{http.StatusServiceUnavailable, fmt.Errorf("%d pictures are in work already: ask again in a moment",
			s.config.Queue)}
	}
	data, err := io.ReadAll(http.MaxBytesReader(w, r.Body, s.config.Body))
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return nil, s.tooLarge()
	case err != nil:
		return nil, fault{http.StatusBadRequest, fmt.Errorf("the picture was not sent whole: %w", err)}
	case len(data) == 0:
		return nil, fault{http.StatusBadRequest,
			errors.New("there is no picture: send its bytes as the body, as curl --data-binary @FILE does")}
	}
	image, err := s.decode(ctx, data)
	if err != nil {
		return nil, err
	}
	outputs, err := s.batches.ask(ctx, image)
	if err != nil {
		return nil, err
	}
	return s.model.Network.Top(outputs, top), nil
}

func (s *Server) tooLarge() error {
	return fault{http.StatusRequestEntityTooLarge, fmt.Errorf("the picture has more than %d bytes", s.config.Body)}
}

// top returns how many classes a request asks for.
func (s *Server) top(r *http.Request) (int, error) {
	text := r.URL.Query().Get("top")
	if text == "" {
		return s.config.Top, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		return 0, fault{http.StatusBadRequest, fmt.Errorf("top %.20q: must be a number of classes, at least 1", text)}
	}
	return n, nil
}

// decode makes what the network reads of a picture's bytes, a few at a time.
func (s *Server) decode(ctx context.Context, data []byte) ([]byte, error) {
	select {
	case s.decoders <- struct{}{}:
		defer func() { <-s.decoders }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	image, err := dataset.DecodeLoose(data, s.model.Network.Card.Input, s.config.Pixels)
	switch {
	case err == nil:
		return image, nil
	case errors.Is(err, dataset.ErrManyPixels):
		return nil, fault{http.StatusRequestEntityTooLarge, err}
	case errors.Is(err, dataset.ErrFormat):
		return nil, fault{http.StatusUnsupportedMediaType, err}
	}
	return nil, fault{http.StatusBadRequest, err}
}

// about tells what the network reads and tells apart.
func (s *Server) about(w http.ResponseWriter, _ *http.Request) {
	reply(w, http.StatusOK, struct {
		SHA256 string   `json:"model_sha256"`
		Card   *nn.Card `json:"card"`
	}{s.model.SHA256, s.model.Network.Card})
}

// health says whether pictures are taken.
func (s *Server) health(w http.ResponseWriter, _ *http.Request) {
	if s.ending.Load() {
		reply(w, http.StatusServiceUnavailable, map[string]string{"status": "ending"})
		return
	}
	reply(w, http.StatusOK, map[string]string{"status": "ok"})
}
