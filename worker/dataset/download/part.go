package download

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/tinygrow/tinygrow/proto/file"
	"github.com/tinygrow/tinygrow/proto/pause"
)

// part is what has come of a file so far. Beside it lies a note which version of which address it is of.
type part struct {
	job  Job
	file File
	path string
	came int64 // bytes over the network
}

// note is kept beside a part, so that another version of the file is not joined to it.
type note struct {
	URL  string `json:"url"`
	ETag string `json:"etag"`
}

func (d *part) notePath() string { return d.path + ".json" }

// triesEach is how often a mirror is asked again after it failed on the way.
const triesEach = 3

// refusal is an error that asking the same mirror again would not change.
type refusal struct{ error }

func refuse(format string, args ...any) error { return refusal{fmt.Errorf(format, args...)} }

// from gets the rest of the file from an address, and returns nil once all of it is there. A file that came
// in several pieces and has a wrong checksum is got whole, once.
func (d *part) from(ctx context.Context, address string) error {
	whole := false
	for try := 1; ; try++ {
		had := d.size()
		err := d.ask(ctx, address)
		if err == nil {
			err = d.file.check(d.path)
			if err == nil {
				return nil
			}
			d.clear()
			if had == 0 || whole {
				return err
			}
			whole = true
			d.job.Line("%s: %v: it is got anew", d.file.Name, err)
			try = 0
			continue
		}
		var no refusal
		if ctx.Err() != nil || errors.As(err, &no) || errors.Is(err, ErrDisk) {
			return err
		}
		if d.size() > had { // it gets on
			try = 0
		}
		if try == triesEach {
			return err
		}
		d.job.Line("%s: %v: trying again", shown(address), err)
		if err := pause.For(ctx, d.job.Pause); err != nil {
			return err
		}
	}
}

// size returns the bytes that are there, of which there are never more than the file has.
func (d *part) size() int64 {
	info, err := os.Stat(d.path)
	if err != nil {
		return 0
	}
	return min(info.Size(), d.file.Size)
}

func (d *part) clear() {
	_ = os.Remove(d.path)
	_ = os.Remove(d.notePath())
}

// ask makes one request for what is missing.
func (d *part) ask(ctx context.Context, address string) error {
	have := d.size()
	if have == d.file.Size {
		return nil
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	watch := time.AfterFunc(d.job.Stall, func() { cancel(fmt.Errorf("nothing came for %s", d.job.Stall)) })
	defer watch.Stop()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return refusal{err}
	}
	request.Header.Set("Accept-Encoding", "identity")
	request.Header.Set("User-Agent", "tinygrow")
	if have > 0 {
		request.Header.Set("Range", fmt.Sprintf("bytes=%d-", have))
		if n := d.note(); n.URL == address && n.ETag != "" {
			request.Header.Set("If-Range", n.ETag)
		}
	}
	response, err := client.Do(request)
	if err != nil {
		return cause(ctx, err)
	}
	defer response.Body.Close()
	from, err := d.accept(response, have)
	if err != nil {
		return err
	}
	if err := d.write(response, from, func() { watch.Reset(d.job.Stall) }); err != nil {
		return cause(ctx, err)
	}
	if now := d.size(); now < d.file.Size {
		return fmt.Errorf("the connection ended after %d of %d bytes", now, d.file.Size)
	}
	return nil
}

// cause prefers the reason why a request was given up.
func cause(ctx context.Context, err error) error {
	if why := context.Cause(ctx); why != nil && !errors.Is(err, ErrDisk) {
		return why
	}
	return err
}

// maxRedirects bounds how often a server may send elsewhere.
const maxRedirects = 5

var client = &http.Client{
	Transport: transport(),
	CheckRedirect: func(r *http.Request, via []*http.Request) error {
		if r.URL.Scheme != "http" && r.URL.Scheme != "https" {
			return refuse("it sends to %s, which is neither HTTP nor HTTPS", r.URL.Redacted())
		}
		if len(via) > maxRedirects {
			return refuse("it sends elsewhere more than %d times", maxRedirects)
		}
		return nil
	},
}

// transport is the usual one, but takes what is sent as it is.
func transport() *http.Transport {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.DisableCompression = true
	t.DisableKeepAlives = true // mirrors are asked once in a while
	return t
}

// accept looks at the front of an answer to a request for what follows the bytes that are there, and
// returns where the body belongs.
func (d *part) accept(r *http.Response, have int64) (from int64, err error) {
	switch r.StatusCode {
	case http.StatusOK:
	case http.StatusPartialContent:
		var first, last, total int64
		text := r.Header.Get("Content-Range")
		n, _ := fmt.Sscanf(text, "bytes %d-%d/%d", &first, &last, &total)
		if n < 2 || first != have || n == 3 && total != d.file.Size {
			d.clear()
			return 0, refuse("it sends %q where the bytes from %d on of %d were asked for", text, have, d.file.Size)
		}
		from = have
	case http.StatusRequestedRangeNotSatisfiable:
		d.clear()
		return 0, errors.New("it has no such range")
	case http.StatusTooManyRequests, http.StatusInternalServerError, http.StatusBadGateway, http.StatusServiceUnavailable,
		http.StatusGatewayTimeout, http.StatusRequestTimeout:
		return 0, fmt.Errorf("it answers %s", r.Status)
	default:
		return 0, refuse("it answers %s", r.Status)
	}
	if kind := r.Header.Get("Content-Type"); strings.HasPrefix(kind, "text/html") {
		return 0, refuse("it answers with a web page, not with the file")
	}
	if e := r.Header.Get("Content-Encoding"); e != "" && e != "identity" {
		return 0, refuse("it sends the file encoded as %.40q, which was not asked for", e)
	}
	if want := d.file.Size - from; r.ContentLength >= 0 && r.ContentLength != want {
		return 0, refuse("it sends %d bytes, the file has %d", from+r.ContentLength, d.file.Size)
	}
	return from, nil
}

// write puts the body where it belongs; alive is called whenever something came.
func (d *part) write(r *http.Response, from int64, alive func()) (err error) {
	f, err := os.OpenFile(d.path, os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrDisk, err)
	}
	defer func() {
		if failed := f.Close(); failed != nil && err == nil {
			err = fmt.Errorf("%w: %w", ErrDisk, failed)
		}
	}()
	if err := f.Truncate(from); err != nil {
		return fmt.Errorf("%w: %w", ErrDisk, err)
	}
	d.keepNote(r)
	buffer := make([]byte, 1<<17)
	for at := from; ; {
		n, err := r.Body.Read(buffer)
		if n > 0 {
			alive()
			if at+int64(n) > d.file.Size {
				d.clear()
				return refuse("it sends more than the %d bytes that the file has", d.file.Size)
			}
			if _, err := f.WriteAt(buffer[:n], at); err != nil {
				return fmt.Errorf("%w: %w (%s is of %d bytes, of which %d are there, kept for another try)", ErrDisk, err, d.file.Name,
					d.file.Size, d.size())
			}
			at, d.came = at+int64(n), d.came+int64(n)
			d.job.Bytes(d.file.Name, at, d.file.Size)
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// note returns that of the part, if there is one.
func (d *part) note() (n note) {
	data, err := file.Read(d.notePath(), 1<<16)
	if err == nil {
		_ = json.Unmarshal(data, &n)
	}
	return n
}

// keepNote remembers the version that a server sends. A weak tag does not tell bytes apart.
func (d *part) keepNote(r *http.Response) {
	n := note{URL: r.Request.URL.String(), ETag: r.Header.Get("ETag")}
	for first := r.Request.Response; first != nil; first = first.Request.Response { // the address that was asked for at first
		n.URL = first.Request.URL.String()
	}
	if strings.HasPrefix(n.ETag, "W/") {
		n.ETag = ""
	}
	if data, err := json.Marshal(n); err == nil {
		_ = os.WriteFile(d.notePath(), data, 0o600) // without it a whole file with a wrong checksum may come
	}
}

// finish gives the file its name once it is on the disk.
func (d *part) finish(path string) error {
	f, err := os.OpenFile(d.path, os.O_RDWR, 0)
	if err == nil {
		err = errors.Join(f.Sync(), f.Close())
	}
	if err == nil {
		err = os.Rename(d.path, path)
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrDisk, err)
	}
	_ = os.Remove(d.notePath())
	syncDir(filepath.Dir(path))
	return nil
}

// syncDir makes names outlast a power cut, where the system can.
func syncDir(dir string) {
	if f, err := os.Open(dir); err == nil {
		_ = f.Sync()
		_ = f.Close()
	}
}
