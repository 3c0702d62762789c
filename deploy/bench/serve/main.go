// Command serve measures a server of tinygrow: so many clients at once send pictures,
// each the next as soon as it has an answer. Every answer is held against what
// the server says of the picture when nobody else asks. It reaches the loopback interface only.
//
//	go run ./deploy/bench/serve -url http://127.0.0.1:8080 -clients 200 -for 60s PICTURE...
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// result is what is printed.
type result struct {
	Clients  int     `json:"clients"`
	Seconds  float64 `json:"seconds"`
	Answers  int     `json:"answers"`
	PerS     float64 `json:"answers_per_s"`
	Errors   int64   `json:"errors"`
	Wrong    int64   `json:"wrong"` // answers that differ from those of a quiet server
	P50      float64 `json:"p50_ms"`
	P99      float64 `json:"p99_ms"`
	Longest  float64 `json:"longest_ms"`
	Pictures float64 `json:"pictures_per_batch"`
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "serve:", err)
		os.Exit(1)
	}
}

func run() error {
	base := flag.String("url", "http://127.0.0.1:8080", "where the server is")
	clients := flag.Int("clients", 200, "clients at once, at most 1000")
	length := flag.Duration("for", 10*time.Second, "how long, at most 10m")
	flag.Parse()
	if *clients < 1 || *clients > 1000 || *length <= 0 || *length > 10*time.Minute || flag.NArg() == 0 {
		return errors.New("1 to 1000 clients, at most 10 minutes, and one picture at least")
	}
	if err := local(*base); err != nil {
		return err
	}
	transport := &http.Transport{MaxIdleConnsPerHost: *clients}
	load := &load{client: &http.Client{Timeout: time.Minute, Transport: transport}, url: *base + "/predict"}
	for _, path := range flag.Args() {
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		answer, err := load.ask(data)
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		load.pictures, load.answers = append(load.pictures, data), append(load.answers, answer)
	}
	r := load.run(*clients, *length)
	var err error
	if r.Pictures, err = load.batches(*base); err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(r)
}

// local refuses another host than this one.
func local(base string) error {
	u, err := url.Parse(base)
	if err != nil {
		return err
	}
	if ip := net.ParseIP(u.Hostname()); ip == nil || !ip.IsLoopback() {
		return fmt.Errorf("%s: must be a loopback address, as 127.0.0.1", base)
	}
	return nil
}

// load is what clients send, and what they should hear.
type load struct {
	client        *http.Client
	url           string
	pictures      [][]byte
	answers       []string
	errors, wrong atomic.Int64
}

// ask sends a picture.
func (l *load) ask(data []byte) (string, error) {
	r, err := l.client.Post(l.url, "application/octet-stream", bytes.NewReader(data))
	if err != nil {
		return "", err
	}
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	if err == nil && r.StatusCode != http.StatusOK {
		err = fmt.Errorf("status %d: %s", r.StatusCode, text)
	}
	return string(text), err
}

// run lets clients ask for a time.
func (l *load) run(clients int, length time.Duration) result {
	took := make([][]time.Duration, clients)
	began := time.Now()
	var wg sync.WaitGroup
	for c := range clients {
		wg.Go(func() {
			for i := c; time.Since(began) < length; i++ {
				at := time.Now()
				answer, err := l.ask(l.pictures[i%len(l.pictures)])
				took[c] = append(took[c], time.Since(at))
				switch {
				case err != nil:
					l.errors.Add(1)
				case answer != l.answers[i%len(l.answers)]:
					l.wrong.Add(1)
				}
			}
		})
	}
	wg.Wait()
	seconds := time.Since(began).Seconds()
	all := slices.Sorted(slices.Values(slices.Concat(took...)))
	at := func(part float64) float64 {
		return float64(1000 * all[min(int(float64(part*float64(len(all)))), len(all)-1)].Seconds())
	}
	return result{Clients: clients, Seconds: seconds, Answers: len(all), PerS: float64(len(all)) / seconds, Errors: l.errors.Load(),
		Wrong: l.wrong.Load(), P50: at(0.5), P99: at(0.99), Longest: at(1)}
}

// batches returns how many pictures the server evaluated at a time, on average.
func (l *load) batches(base string) (float64, error) {
	r, err := l.client.Get(base + "/metrics")
	if err != nil {
		return 0, err
	}
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	if err != nil {
		return 0, err
	}
	values := map[string]float64{}
	for line := range bytes.Lines(text) {
		var name string
		var v float64
		if n, _ := fmt.Sscanf(string(line), "%s %g", &name, &v); n == 2 {
			values[name] = v
		}
	}
	return values["tinygrow_serve_pictures_total"] / max(values["tinygrow_serve_batches_total"], 1), nil
}
