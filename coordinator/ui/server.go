package ui

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/subtle"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/tinygrow/tinygrow/coordinator/checkpoint"
	"github.com/tinygrow/tinygrow/coordinator/view"
)

//go:embed web
var assets embed.FS

// Options say what a Server shows and to whom.
type Options struct {
	// Address is host:port to listen on; port 0 takes a free one. With Near a
	// free port is taken where the one named is in use.
	Address string
	Near    bool
	// Token has to be given by who looks from elsewhere. Empty: a new one is made
	// where Address is not a loopback address, and none is needed where it is.
	Token string
	// Docs answers below /docs/; nil: nothing is there.
	Docs http.Handler
	// Live is the run that this process coordinates; nil: it coordinates none.
	Live *Live
}

// Server serves the pages of a Library.
type Server struct {
	library *view.Library
	options Options
	listen  net.Listener
	token   string
	feeds   feeds
}

// ErrAddress is returned when a Server cannot listen where it should.
var ErrAddress = errors.New("address of the pages")

// Listen returns a server that waits for Serve. Close its listener by Serve with a
// context that is done.
func Listen(library *view.Library, o Options) (*Server, error) {
	host, _, err := net.SplitHostPort(o.Address)
	if err != nil {
		return nil, fmt.Errorf("%w: %q: it must be host:port, as 127.0.0.1:7070: %w", ErrAddress, o.Address, err)
	}
	l, err := net.Listen("tcp", o.Address)
	if err != nil && o.Near {
		l, err = net.Listen("tcp", net.JoinHostPort(host, "0"))
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w: name another, or port 0 for a free one", ErrAddress, err)
	}
	s := &Server{library: library, options: o, listen: l, token: o.Token}
	if at, ok := l.Addr().(*net.TCPAddr); s.token == "" && (!ok || !at.IP.IsLoopback()) {
		s.token = rand.Text()
	}
	s.feeds.server = s
	return s, nil
}

// Address returns what to open in a browser, with the token if one is needed. A
// server that listens on all addresses is named by this machine's loopback one.
func (s *Server) Address() string {
	at := s.listen.Addr().String()
	if host, port, err := net.SplitHostPort(at); err == nil {
		if ip, err := netip.ParseAddr(host); err == nil && ip.IsUnspecified() {
			at = net.JoinHostPort("127.0.0.1", port)
		}
	}
	address := "http://" + at + "/"
	if s.token != "" {
		address += "?token=" + s.token
	}
	return address
}

// Serve answers until ctx is done, and returns when all that it started has ended.
func (s *Server) Serve(ctx context.Context) error {
	base, cancel := context.WithCancel(ctx)
	defer cancel()
	server := &http.Server{Handler: s.handler(), ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second,
		IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10, ErrorLog: silent(),
		BaseContext: func(net.Listener) context.Context { return base }}
	var group sync.WaitGroup
	group.Go(func() {
		<-base.Done()
		late, stop := context.WithTimeout(context.Background(), time.Second)
		defer stop()
		if server.Shutdown(late) != nil {
			server.Close()
		}
	})
	err := server.Serve(s.listen)
	cancel()
	group.Wait()
	s.feeds.close()
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// policy lets a page load from its own server and from nowhere else.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

func (s *Server) handler() http.Handler {
	web, err := fs.Sub(assets, "web")
	if err != nil {
		panic(err) // the folder is embedded
	}
	mux := http.NewServeMux()
	files := http.FileServerFS(web)
	mux.HandleFunc("GET /{file}", func(w http.ResponseWriter, r *http.Request) { files.ServeHTTP(w, r) })
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) { files.ServeHTTP(w, r) })
	if s.options.Docs != nil {
		mux.Handle("GET /docs/", s.options.Docs)
	}
	mux.HandleFunc("GET /api/runs", s.runs)
	mux.HandleFunc("GET /api/runs/{name}", s.of((*feed).snapshot))
	mux.HandleFunc("GET /api/runs/{name}/stream", s.stream)
	mux.HandleFunc("GET /api/runs/{name}/filters", s.of((*feed).filters))
	mux.HandleFunc("GET /api/runs/{name}/assessment", s.of((*feed).assessment))
	mux.HandleFunc("GET /api/runs/{name}/events/{number}", s.detail)
	return s.guard(mux)
}

// guard lets in who may look, and sets the headers of every answer.
func (s *Server) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		switch {
		case s.token == "" && !loopback(r.Host):
			// A page elsewhere may have given our address another name.
			fail(w, http.StatusMisdirectedRequest, errors.New("ask by the address that the server told, as http://127.0.0.1"))
		case r.Method != http.MethodGet && r.Method != http.MethodHead:
			h.Set("Allow", "GET, HEAD")
			fail(w, http.StatusMethodNotAllowed, errors.New("this server only reads"))
		case s.token == "":
			next.ServeHTTP(w, r)
		default:
			s.admit(w, r, next)
		}
	})
}

// loopback reports whether a Host header names this machine to itself.
func loopback(host string) bool {
	name := host
	if h, _, err := net.SplitHostPort(host); err == nil {
		name = h
	}
	ip, err := netip.ParseAddr(strings.Trim(name, "[]"))
	return name == "localhost" || err == nil && ip.IsLoopback()
}

// cookie is where a browser keeps the token.
const cookie = "tinygrow-token"

// admit lets in who has the token: in the address, which then loses it; in the
// cookie that this sets; or in a header of a program.
func (s *Server) admit(w http.ResponseWriter, r *http.Request, next http.Handler) {
	right := func(token string) bool { return subtle.ConstantTimeCompare([]byte(token), []byte(s.token)) == 1 }
	if q := r.URL.Query(); q.Has("token") && right(q.Get("token")) {
		http.SetCookie(w, &http.Cookie{Name: cookie, Value: s.token, Path: "/", HttpOnly: true, SameSite: http.SameSiteStrictMode})
		q.Del("token")
		clean := *r.URL
		clean.Scheme, clean.Host, clean.RawQuery = "", "", q.Encode()
		clean.Path = "/" + strings.TrimLeft(clean.Path, "/") // never another host
		http.Redirect(w, r, clean.String(), http.StatusSeeOther)
		return
	}
	if c, err := r.Cookie(cookie); err == nil && right(c.Value) {
		next.ServeHTTP(w, r)
		return
	}
	if token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok && right(token) {
		next.ServeHTTP(w, r)
		return
	}
	fail(w, http.StatusUnauthorized, errors.New("open the whole address that the server told, with ?token=..."))
}

// fail answers with an error.
func fail(w http.ResponseWriter, code int, err error) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(map[string]string{"error": err.Error()})
}

// refuse answers with the error that reading a run gave.
func refuse(w http.ResponseWriter, err error) {
	switch {
	case errors.Is(err, checkpoint.ErrNoRun), errors.Is(err, checkpoint.ErrNoCheckpoint), errors.Is(err, view.ErrNoEvent),
		errors.Is(err, fs.ErrNotExist):
		fail(w, http.StatusNotFound, err)
	case errors.Is(err, errBusy):
		fail(w, http.StatusServiceUnavailable, err)
	default:
		fail(w, http.StatusInternalServerError, err)
	}
}

// answer writes a value as JSON.
func answer(w http.ResponseWriter, value any) {
	text, err := json.Marshal(value)
	if err != nil {
		refuse(w, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	http.ServeContent(w, &http.Request{Method: http.MethodGet}, "", time.Time{}, bytes.NewReader(text))
}

// runs lists the runs. Only names the one of a server that shows no others.
func (s *Server) runs(w http.ResponseWriter, _ *http.Request) {
	list, err := s.library.List()
	if err != nil {
		refuse(w, err)
		return
	}
	answer(w, map[string]any{"folder": s.library.Folder(), "runs": list, "only": s.library.Single()})
}

// of answers with what get reads of the run that the request names.
func (s *Server) of(get func(*feed) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		f, err := s.feeds.open(r.PathValue("name"))
		if err != nil {
			refuse(w, err)
			return
		}
		value, err := get(f)
		if err != nil {
			refuse(w, err)
			return
		}
		answer(w, value)
	}
}

func (s *Server) detail(w http.ResponseWriter, r *http.Request) {
	number, err := strconv.Atoi(r.PathValue("number"))
	if err != nil {
		fail(w, http.StatusNotFound, fmt.Errorf("%q: %w", r.PathValue("number"), view.ErrNoEvent))
		return
	}
	s.of(func(f *feed) (any, error) { return f.detail(number) })(w, r)
}

// Close ends a server that Serve was not called for.
func (s *Server) Close() error { return s.listen.Close() }
