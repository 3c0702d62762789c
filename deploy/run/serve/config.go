package serve

import (
	"net"
	"time"

	"github.com/tinygrow/tinygrow/tensor"
	"github.com/tinygrow/tinygrow/tensor/faults"
)

// Config says how a server takes pictures. Start from Default.
type Config struct {
	Address string        // host:port; port 0 is any free one
	Batch   int           // most pictures that are evaluated together
	Wait    time.Duration // how long the first of them waits for others
	Queue   int           // pictures in work at a time, those that are being sent included; more are answered with 503
	Body    int64         // most bytes of a picture
	Pixels  int64         // most pixels of a picture
	Timeout time.Duration // limit from the first byte of a request to its answer
	Threads int           // threads that evaluate; at least 1
	Top     int           // classes in an answer where the request does not say
}

// Default listens on the loopback interface only.
func Default() Config {
	return Config{Address: "127.0.0.1:8080", Batch: tensor.Lanes, Wait: 2 * time.Millisecond, Queue: 256, Body: 8 << 20, Pixels: 1 << 24,
		Timeout: 30 * time.Second, Threads: 1, Top: 3}
}

// Validate returns all faults at once, or nil.
func (c Config) Validate() error {
	var found faults.List
	_, _, err := net.SplitHostPort(c.Address)
	found.Check(err == nil, "address %q: must be host:port, as 127.0.0.1:8080", c.Address)
	found.Check(c.Batch >= 1 && c.Batch <= 1024, "batch %d: must be 1 to 1024", c.Batch)
	found.Check(c.Wait >= 0 && c.Wait <= time.Second, "wait %s: must be 0 to 1s", c.Wait)
	found.Check(c.Queue >= 1 && c.Queue <= 1<<16, "queue %d: must be 1 to %d", c.Queue, 1<<16)
	found.Check(c.Body >= 1 && c.Body <= 1<<30, "bytes of a picture %d: must be 1 to %d", c.Body, 1<<30)
	found.Check(c.Pixels >= 1 && c.Pixels <= 1<<28, "pixels %d: must be 1 to %d", c.Pixels, 1<<28)
	found.Check(c.Timeout >= 10*time.Millisecond && c.Timeout <= time.Hour, "timeout %s: must be 10ms to 1h", c.Timeout)
	found.Check(c.Threads >= 1 && c.Threads <= 1024, "threads %d: must be 1 to 1024", c.Threads)
	found.Check(c.Top >= 1, "top %d: must be at least 1", c.Top)
	return found.Err()
}

// Open reports whether others than this machine may reach the address.
func (c Config) Open() bool {
	host, _, _ := net.SplitHostPort(c.Address)
	ip := net.ParseIP(host)
	return host != "localhost" && (ip == nil || !ip.IsLoopback())
}
