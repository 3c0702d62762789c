package fetch

import (
	"fmt"
	"io"
	"time"
)

// tellEvery is the time between two lines about a download.
const tellEvery = 2 * time.Second

// progress returns in, telling how much of size bytes has come and how long
// the rest will take.
func (c *Client) progress(in io.Reader, name string, size int64) io.Reader {
	now := time.Now()
	c.Log.Info("fetching the data set", "set", name, "size", megabytes(size))
	return &progress{Reader: in, client: c, name: name, size: size, started: now, told: now}
}

type progress struct {
	io.Reader
	client        *Client
	name          string
	size, have    int64
	started, told time.Time
}

func (p *progress) Read(b []byte) (int, error) {
	n, err := p.Reader.Read(b)
	p.have += int64(n)
	now := time.Now()
	p.client.Alive("fetching the data set " + p.name)
	switch {
	case err == io.EOF:
		p.client.Log.Info("fetched the data set", "set", p.name, "size", megabytes(p.have),
			"took", now.Sub(p.started).Round(time.Millisecond))
	case now.Sub(p.told) >= tellEvery:
		p.told = now
		p.client.Log.Info("fetching the data set", "set", p.name, "have", megabytes(p.have), "of", megabytes(p.size),
			"eta", p.remaining(now.Sub(p.started)).Round(time.Second))
	}
	return n, err
}

// remaining is how long the rest takes at the pace so far.
func (p *progress) remaining(spent time.Duration) time.Duration {
	if p.have == 0 {
		return 0
	}
	return time.Duration(float64(spent) * float64(p.size-p.have) / float64(p.have))
}

func megabytes(n int64) string { return fmt.Sprintf("%.1f MB", float64(n)/1e6) }
