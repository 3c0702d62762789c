package serve

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"image"
	"image/color"
	"image/png"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/tinygrow/tinygrow/deploy/run/infer"
	"github.com/tinygrow/tinygrow/tensor/nn"
	"github.com/tinygrow/tinygrow/worker/dataset"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// served starts a server on a network that tells three classes apart, and returns it with what ends it.
func served(t *testing.T, change func(*Config)) (*Server, *infer.Network, *http.Client, func() error) {
	t.Helper()
	g, err := nn.Build(nn.ModelConfig{Name: "cnn", Input: nn.Shape{C: 3, H: 16, W: 16}, Classes: 3})
	if err != nil {
		t.Fatal(err)
	}
	card := &nn.Card{Input: g.Input, Mean: []float64{120, 110, 100}, Std: []float64{50, 60, 70}, Classes: []string{"cat", "dog", "fox"}}
	n, err := infer.New(nn.Init(g, 3), card, 1)
	if err != nil {
		t.Fatal(err)
	}
	c := Default()
	c.Address, c.Threads = "127.0.0.1:0", 2
	if change != nil {
		change(&c)
	}
	s, err := Listen(c, Model{Network: n, SHA256: "abc"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 300}}
	var once sync.Once
	end := func() (err error) {
		once.Do(func() { cancel(); err = <-ended; client.CloseIdleConnections() })
		return err
	}
	t.Cleanup(func() {
		if err := end(); err != nil {
			t.Error(err)
		}
	})
	return s, n, client, end
}

func picture(t *testing.T, w, h, seed int) []byte {
	t.Helper()
	img := image.NewRGBA(image.Rect(0, 0, w, h))
	for i := range w * h {
		img.Set(i%w, i/w, color.RGBA{byte(i * seed), byte(i + seed*7), byte(i/w*seed + 3), 255})
	}
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// post returns status and answer.
func post(client *http.Client, url string, body io.Reader) (int, string, http.Header, error) {
	r, err := client.Post(url, "application/octet-stream", body)
	if err != nil {
		return 0, "", nil, err
	}
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	return r.StatusCode, string(text), r.Header, err
}

// Many clients at once all get what the network says of their pictures alone, to the
// last digit, and pictures are evaluated together.
func TestParallelClients(t *testing.T) {
	const clients, pictures = 200, 7
	s, n, client, _ := served(t, nil)
	var bodies [][]byte
	var want []string
	for i := range pictures {
		data := picture(t, 16+5*i, 16+3*i, i+1)
		pixels, err := dataset.DecodeLoose(data, n.Card.Input, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		outputs, err := n.Pictures(t.Context(), [][]byte{pixels})
		if err != nil {
			t.Fatal(err)
		}
		text, err := json.Marshal(map[string]any{"top": n.Top(outputs, 3)})
		if err != nil {
			t.Fatal(err)
		}
		bodies, want = append(bodies, data), append(want, string(text)+"\n")
	}
	asks := 25
	if testing.Short() {
		asks = 5
	}
	var wrong atomic.Int64
	var wg sync.WaitGroup
	for c := range clients {
		wg.Go(func() {
			for a := range asks {
				i := (c + a) % pictures
				status, text, _, err := post(client, s.URL()+"/predict", bytes.NewReader(bodies[i]))
				if (err != nil || status != 200 || text != want[i]) && wrong.Add(1) < 5 {
					t.Errorf("client %d: %v %d %s, want %s", c, err, status, text, want[i])
				}
			}
		})
	}
	wg.Wait()
	r, err := client.Get(s.URL() + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	text, _ := io.ReadAll(r.Body)
	var batches, largest int
	for line := range strings.Lines(string(text)) {
		_, _ = fmt.Sscanf(line, "tinygrow_serve_batches_total %d", &batches)
		_, _ = fmt.Sscanf(line, "tinygrow_serve_largest_batch %d", &largest)
	}
	for _, line := range []string{fmt.Sprintf("tinygrow_serve_requests_total{status=\"200\"} %d\n", clients*asks),
		fmt.Sprintf("tinygrow_serve_pictures_total %d\n", clients*asks), "tinygrow_serve_busy 0\n",
		fmt.Sprintf("tinygrow_serve_seconds_count %d\n", clients*asks)} {
		if !strings.Contains(string(text), line) {
			t.Errorf("metrics lack %q:\n%s", line, text)
		}
	}
	if batches >= clients*asks || largest < 2 || largest > 32 {
		t.Errorf("%d pictures in %d batches, of at most %d", clients*asks, batches, largest)
	}
}

// bomb is a PNG of a few bytes whose header claims a side of 65535 pixels.
func bomb(t *testing.T) []byte {
	b := picture(t, 1, 1, 1)
	binary.BigEndian.PutUint32(b[16:], 0xffff)
	binary.BigEndian.PutUint32(b[20:], 0xffff)
	binary.BigEndian.PutUint32(b[29:], crc32.ChecksumIEEE(b[12:29]))
	return b
}

// endless is a body without an end, and without a length.
type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

func TestHostileBodies(t *testing.T) {
	s, _, client, _ := served(t, func(c *Config) { c.Body, c.Pixels = 100000, 10000 })
	good := picture(t, 20, 20, 3)
	for name, c := range map[string]struct {
		path   string
		body   io.Reader
		status int
		word   string
	}{
		"nothing":              {"/predict", http.NoBody, 400, "curl --data-binary"},
		"words":                {"/predict", strings.NewReader("no picture"), 415, "neither PNG"},
		"cut":                  {"/predict", bytes.NewReader(good[:len(good)/2]), 400, "damaged"},
		"header alone":         {"/predict", bytes.NewReader(good[:12]), 400, "damaged"},
		"more bytes":           {"/predict", bytes.NewReader(make([]byte, 100001)), 413, "more than 100000 bytes"},
		"bytes without end":    {"/predict", endless{}, 413, "more than 100000 bytes"},
		"a bomb":               {"/predict", bytes.NewReader(bomb(t)), 413, "65535 x 65535"},
		"more pixels":          {"/predict", bytes.NewReader(picture(t, 101, 100, 1)), 413, "10000 pixels"},
		"classes that are not": {"/predict?top=-1", bytes.NewReader(good), 400, "top"},
		"another address":      {"/predict/x", bytes.NewReader(good), 404, ""},
		"good":                 {"/predict?top=1", bytes.NewReader(good), 200, `"class"`},
	} {
		status, text, _, err := post(client, s.URL()+c.path, c.body)
		if err != nil || status != c.status || !strings.Contains(text, c.word) {
			t.Errorf("%s: %v %d %s", name, err, status, text)
		}
	}
	for path, want := range map[string]string{"/health": `"ok"`, "/model": `"model_sha256":"abc"`,
		"/metrics": `requests_total{status="413"} 4`} {
		r, err := client.Get(s.URL() + path)
		if err != nil {
			t.Fatal(err)
		}
		text, _ := io.ReadAll(r.Body)
		r.Body.Close()
		if r.StatusCode != http.StatusOK || !strings.Contains(string(text), want) {
			t.Errorf("%s: %d %s", path, r.StatusCode, text)
		}
	}
	if r, err := client.Get(s.URL() + "/predict"); err != nil || r.StatusCode != http.StatusMethodNotAllowed {
		t.Error(r, err)
	} else {
		r.Body.Close()
	}
}

// A client that sends slowly holds one place, and not for ever; where all are taken
// others are told to come again.
func TestFullAndSlow(t *testing.T) {
	s, _, client, _ := served(t, func(c *Config) { c.Queue, c.Timeout = 1, 400*time.Millisecond })
	slow, err := net.Dial("tcp", s.listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer slow.Close()
	fmt.Fprintf(slow, "POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nabc")
	for len(s.places) == 0 { // until it has the place; the test's own timeout bounds it
		time.Sleep(time.Millisecond)
	}
	status, text, head, err := post(client, s.URL()+"/predict", bytes.NewReader(picture(t, 16, 16, 1)))
	if err != nil || status != 503 || head.Get("Retry-After") != "1" || !strings.Contains(text, "in work already") {
		t.Fatalf("%v %d %s", err, status, text)
	}
	for len(s.places) > 0 {
		time.Sleep(time.Millisecond)
	}
	if status, text, _, err := post(client, s.URL()+"/predict", bytes.NewReader(picture(t, 16, 16, 1))); err != nil || status != 200 {
		t.Fatalf("%v %d %s", err, status, text)
	}
}

// What is under way when the server ends is answered.
func TestEnds(t *testing.T) {
	s, _, client, end := served(t, func(c *Config) { c.Wait, c.Batch = time.Second, 1024 }) // the picture waits for others that do not come
	got := make(chan int, 1)
	body := picture(t, 16, 16, 1)
	go func() {
		status, _, _, _ := post(client, s.URL()+"/predict", bytes.NewReader(body))
		got <- status
	}()
	for len(s.places) == 0 {
		time.Sleep(time.Millisecond)
	}
	if err := end(); err != nil {
		t.Fatal(err)
	}
	if status := <-got; status != 200 {
		t.Errorf("status %d", status)
	}
	if r, err := http.Get(s.URL() + "/health"); err == nil {
		r.Body.Close()
		t.Error("it still answers")
	}
}

func TestConfig(t *testing.T) {
	if err := (Config{Address: "nope"}).Validate(); err == nil || strings.Count(err.Error(), "\n") != 7 {
		t.Error(err)
	}
	for address, open := range map[string]bool{"127.0.0.1:1": false, "[::1]:1": false, "localhost:1": false, ":1": true, "0.0.0.0:1": true} {
		if (Config{Address: address}).Open() != open {
			t.Errorf("%s: open %v", address, !open)
		}
	}
}
