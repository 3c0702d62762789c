package download

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gofrs/flock"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// contents are some bytes that cannot be compressed.
func contents(n int) []byte {
	r := rand.NewChaCha8([32]byte{1})
	data := make([]byte, n)
	_, _ = r.Read(data)
	return data
}

func fileOf(name string, data []byte) File {
	sum := sha256.Sum256(data)
	return File{name, int64(len(data)), hex.EncodeToString(sum[:])}
}

// server answers requests in turn, the last way for all that follow, and keeps what was asked.
type server struct {
	*httptest.Server
	mu    sync.Mutex
	asked []*http.Request
	ways  []http.HandlerFunc
}

func serve(t *testing.T, ways ...http.HandlerFunc) *server {
	t.Helper()
	s := &server{ways: ways}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.asked = append(s.asked, r)
		way := s.ways[min(len(s.asked), len(s.ways))-1]
		s.mu.Unlock()
		way(w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

// ranges are the ranges that were asked for, empty for a whole file.
func (s *server) ranges() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []string
	for _, r := range s.asked {
		list = append(list, strings.TrimPrefix(r.Header.Get("Range"), "bytes="))
	}
	return list
}

// right serves data as a good server does, of a version.
func right(data []byte, tag string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", tag)
		w.Header().Set("Content-Type", "application/gzip")
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(data))
	}
}

// cut serves the first n bytes of what another way would and breaks off.
func cut(way http.HandlerFunc, n int) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		way(&cutter{w, n}, r)
	}
}

type cutter struct {
	http.ResponseWriter
	left int
}

func (c *cutter) Write(p []byte) (int, error) {
	if len(p) > c.left {
		_, _ = c.ResponseWriter.Write(p[:c.left])
		c.ResponseWriter.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	}
	c.left -= len(p)
	return c.ResponseWriter.Write(p)
}

func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}

// get gets data as a set of one file, and returns what was told too.
func get(t *testing.T, dir string, data []byte, mirrors ...string) (Outcome, []string, error) {
	t.Helper()
	var lines []string
	out, err := Get(t.Context(), Job{Set: Set{Name: "x", Files: []File{fileOf("x.gz", data)}}, Dir: dir, Mirrors: mirrors,
		Stall: 300 * time.Millisecond, Pause: time.Millisecond,
		Line: func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }})
	return out, lines, err
}

// holds checks that the file is there as it should be, and nothing else.
func holds(t *testing.T, dir string, data []byte) {
	t.Helper()
	got, err := os.ReadFile(filepath.Join(dir, "x.gz"))
	if err != nil || !bytes.Equal(got, data) {
		t.Errorf("%d bytes, want %d: %v", len(got), len(data), err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Errorf("what is left: %v %v", entries, err)
	}
}

func TestGet(t *testing.T) {
	data, dir := contents(300_000), t.TempDir()
	s := serve(t, right(data, `"1"`))
	if out, lines, err := get(t, dir, data, s.URL+"/some/where/"); err != nil || out.Bytes != 300_000 || out.There || len(lines) > 0 {
		t.Fatalf("%+v %v %v", out, lines, err)
	}
	holds(t, dir, data)
	if s.asked[0].URL.Path != "/some/where/x.gz" {
		t.Errorf("%s was asked for", s.asked[0].URL)
	}
	if out, _, err := get(t, dir, data, s.URL); err != nil || !out.There || len(s.asked) != 1 {
		t.Errorf("again: %+v %v", out, err)
	}
}

// What broke off goes on where it was, at the same mirror, and at another one.
func TestGoingOn(t *testing.T) {
	data := contents(300_000)
	whole := right(data, `"1"`)
	t.Run("broken off", func(t *testing.T) {
		dir, s := t.TempDir(), serve(t, cut(whole, 100_000), status(503), whole)
		if out, _, err := get(t, dir, data, s.URL); err != nil || out.Bytes != 300_000 {
			t.Fatalf("%+v %v", out, err)
		}
		if r := s.ranges(); len(r) != 3 || r[0] != "" || r[2] != "100000-" || s.asked[2].Header.Get("If-Range") != `"1"` {
			t.Errorf("ranges %q, If-Range %q", r, s.asked[2].Header.Get("If-Range"))
		}
		holds(t, dir, data)
	})
	t.Run("stalls", func(t *testing.T) {
		dir := t.TempDir()
		s := serve(t, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", strconv.Itoa(len(data)))
			_, _ = w.Write(data[:50_000])
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		}, whole)
		_, lines, err := get(t, dir, data, s.URL)
		if err != nil || s.ranges()[1] != "50000-" || !strings.Contains(strings.Join(lines, " "), "nothing came for 300ms") {
			t.Errorf("%q %q %v", s.ranges(), lines, err)
		}
		holds(t, dir, data)
	})
	t.Run("the next mirror", func(t *testing.T) {
		dir, s, next := t.TempDir(), serve(t, cut(whole, 100_000), status(404)), serve(t, whole)
		if _, _, err := get(t, dir, data, s.URL, next.URL); err != nil || next.ranges()[0] != "100000-" ||
			next.asked[0].Header.Get("If-Range") != "" {
			t.Errorf("%q %v", next.ranges(), err)
		}
		holds(t, dir, data)
	})
	t.Run("another process", func(t *testing.T) {
		dir, s := t.TempDir(), serve(t, whole)
		part, note := filepath.Join(dir, "x.gz.part"), fmt.Sprintf(`{"url":%q,"etag":"\"1\""}`, s.URL+"/x.gz")
		if err := errors.Join(os.WriteFile(part, data[:1000], 0o644), os.WriteFile(part+".json", []byte(note), 0o644)); err != nil {
			t.Fatal(err)
		}
		if out, _, err := get(t, dir, data, s.URL); err != nil || out.Bytes != 299_000 {
			t.Errorf("%+v %v", out, err)
		}
		holds(t, dir, data)
	})
	t.Run("another version there", func(t *testing.T) {
		other := contents(300_001)[1:]
		dir, s := t.TempDir(), serve(t, cut(right(other, `"0"`), 100_000), whole)
		if _, _, err := get(t, dir, data, s.URL); err != nil { // If-Range fails, all comes anew
			t.Fatal(err)
		}
		holds(t, dir, data)
	})
	t.Run("another file's beginning", func(t *testing.T) {
		dir, s := t.TempDir(), serve(t, whole)
		if err := os.WriteFile(filepath.Join(dir, "x.gz.part"), contents(5000)[1000:], 0o644); err != nil {
			t.Fatal(err)
		}
		_, lines, err := get(t, dir, data, s.URL)
		if err != nil || strings.Join(s.ranges(), " ") != "4000- " || !strings.Contains(strings.Join(lines, " "), "got anew") {
			t.Errorf("%q %q %v", s.ranges(), lines, err)
		}
		holds(t, dir, data)
	})
	t.Run("ignores Range", func(t *testing.T) {
		ignores := func(w http.ResponseWriter, r *http.Request) {
			r.Header.Del("Range")
			whole(w, r)
		}
		dir, s := t.TempDir(), serve(t, cut(ignores, 100_000), ignores)
		if out, _, err := get(t, dir, data, s.URL); err != nil || out.Bytes != 400_000 {
			t.Errorf("%+v %v", out, err)
		}
		holds(t, dir, data)
	})
	t.Run("redirects", func(t *testing.T) {
		target := serve(t, cut(whole, 100_000), whole)
		dir, s := t.TempDir(), serve(t, func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, target.URL+"/y", http.StatusFound)
		})
		if _, _, err := get(t, dir, data, s.URL); err != nil || target.asked[1].Header.Get("If-Range") != `"1"` {
			t.Errorf("%v", err)
		}
		holds(t, dir, data)
	})
}

// Bad servers are left for the next mirror, told, and asked no more than a few times.
func TestBadMirrors(t *testing.T) {
	data := contents(100_000)
	wrong := bytes.Clone(data)
	wrong[70_000] ^= 1
	send := func(header, value string, body []byte) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/gzip")
			w.Header().Set(header, value)
			_, _ = w.Write(body)
		}
	}
	for name, c := range map[string]struct {
		way  http.HandlerFunc
		told string
		most int // requests
	}{
		"wrong checksum": {right(wrong, `"1"`), "its SHA-256 is", 1},
		"too short":      {right(data[:90_000], `"1"`), "it sends 90000 bytes, the file has 100000", 1},
		"too long":       {right(append(bytes.Clone(data), 1), `"1"`), "it sends 100001 bytes", 1},
		"long, untold": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/gzip")
			for range 100 {
				_, _ = w.Write(data)
				w.(http.Flusher).Flush()
			}
		}, "more than the 100000 bytes", 1},
		"always cut": {cut(right(data, ""), 0), "", 3},
		"a page":     {send("Content-Type", "text/html; charset=utf-8", []byte("<html>log in")), "a web page", 1},
		"encoded":    {send("Content-Encoding", "gzip", data), `encoded as "gzip"`, 1},
		"nothing":    {status(404), "404 Not Found", 1},
		"forbidden":  {status(403), "403 Forbidden", 1},
		"unwell":     {status(500), "500 Internal Server Error", 3},
		"wrong range": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusPartialContent) },
			`it sends ""`, 1},
		"silent": {func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, "nothing came for", 3},
		"loop": {func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, r.URL.Path, http.StatusFound) },
			"elsewhere more than 5 times", 7},
		"to a file": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "file:///etc/passwd", http.StatusFound)
		},
			"it sends to file:///etc/passwd, which is neither HTTP nor HTTPS", 1},
	} {
		t.Run(name, func(t *testing.T) {
			dir, bad, good := t.TempDir(), serve(t, c.way), serve(t, right(data, `"1"`))
			_, lines, err := get(t, dir, data, bad.URL, good.URL)
			if err != nil {
				t.Fatal(err)
			}
			holds(t, dir, data)
			if text := strings.Join(lines, "\n"); !strings.Contains(text, c.told) || len(bad.asked) > c.most {
				t.Errorf("%d requests, told %q, want %q", len(bad.asked), text, c.told)
			}
			dir = t.TempDir()
			_, _, err = get(t, dir, data, bad.URL)
			if !errors.Is(err, ErrMirrors) || !strings.Contains(err.Error(), c.told) ||
				!strings.Contains(err.Error(), "put it at "+filepath.Join(dir, "x.gz")) {
				t.Errorf("alone: %v", err)
			}
			if _, err := os.Stat(filepath.Join(dir, "x.gz")); err == nil {
				t.Error("a wrong file has the name of the right one")
			}
		})
	}
	t.Run("nobody there", func(t *testing.T) {
		gone := serve(t, status(200))
		gone.Close()
		_, _, err := get(t, t.TempDir(), data, gone.URL, "http://name:secret@127.0.0.1:1")
		if !errors.Is(err, ErrMirrors) || !strings.Contains(err.Error(), "refused") || strings.Contains(err.Error(), "secret") {
			t.Errorf("%v", err)
		}
	})
	for _, m := range []string{"", "file:///x", "ftp://x/y", "mirror", "http://"} {
		if _, _, err := get(t, t.TempDir(), data, m); err == nil || errors.Is(err, ErrMirrors) {
			t.Errorf("mirror %q: %v", m, err)
		}
	}
}

// A file that was put there by hand is used if it is the right one, and never taken away.
func TestByHand(t *testing.T) {
	data, dir := contents(1000), t.TempDir()
	path := filepath.Join(dir, "x.gz")
	for name, bad := range map[string][]byte{"short": data[:999], "other": append(bytes.Clone(data[:999]), data[999]^1)} {
		if err := os.WriteFile(path, bad, 0o644); err != nil {
			t.Fatal(err)
		}
		if name == "other" { // its size is right, so that a set of plain files takes it to be there
			if err := fileOf("x.gz", data).check(path); err == nil {
				t.Error("a wrong file passes")
			}
			continue
		}
		_, _, err := get(t, dir, data, "http://127.0.0.1:1")
		if !errors.Is(err, ErrDisk) || !strings.Contains(err.Error(), "move it away") {
			t.Errorf("%s: %v", name, err)
		}
		if now, err := os.ReadFile(path); err != nil || !bytes.Equal(now, bad) {
			t.Errorf("%s: it was changed", name)
		}
	}
}

func TestTwoAtOnce(t *testing.T) {
	dir := t.TempDir()
	lock := flock.New(filepath.Join(dir, lockName))
	if got, err := lock.TryLock(); !got || err != nil {
		t.Fatal(err)
	}
	if _, _, err := get(t, dir, contents(10), "http://127.0.0.1:1"); !errors.Is(err, ErrBusy) {
		t.Errorf("%v", err)
	}
	if err := lock.Unlock(); err != nil {
		t.Fatal(err)
	}
}

// Whoever is told to stop keeps what has come.
func TestInterrupted(t *testing.T) {
	data, dir := contents(100_000), t.TempDir()
	ctx, stop := context.WithCancel(t.Context())
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", strconv.Itoa(len(data)))
		_, _ = w.Write(data[:40_000])
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	}, right(data, `"1"`))
	j := Job{Set: Set{Files: []File{fileOf("x.gz", data)}}, Dir: dir, Mirrors: []string{s.URL},
		Bytes: func(_ string, done, _ int64) {
			if done == 40_000 {
				stop()
			}
		}}
	if _, err := Get(ctx, j); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	if out, _, err := get(t, dir, data, s.URL); err != nil || out.Bytes != 60_000 {
		t.Errorf("%+v %v", out, err)
	}
	holds(t, dir, data)
}

// entry is what an archive of a test has.
type entry struct {
	name string
	kind byte
	data []byte
}

func archive(t *testing.T, entries ...entry) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	for _, e := range entries {
		h := &tar.Header{Name: e.name, Typeflag: e.kind, Size: int64(len(e.data)), Mode: 0o777}
		if e.kind == 0 {
			h.Typeflag = tar.TypeReg
		}
		if e.kind == tar.TypeSymlink || e.kind == tar.TypeLink {
			h.Linkname, h.Size = "/etc", 0
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if h.Size > 0 {
			if _, err := w.Write(e.data); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := errors.Join(w.Close(), z.Close()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// Of an archive the members of the set are unpacked, and nothing else.
func TestUnpack(t *testing.T) {
	a, b := contents(3000), contents(700)
	good := []entry{{"set/", tar.TypeDir, nil}, {"./set/a.bin", 0, a}, {"set/b.bin", 0, b}, {"set/names.txt", 0, []byte("x y\n")}}
	for name, c := range map[string]struct {
		entries []entry
		want    string
	}{
		"as it should be": {good, ""},
		"escapes": {append([]entry{{"../evil", 0, a}, {"/tmp/evil", 0, a}, {"set/../../evil", 0, a}, {"set/link", tar.TypeSymlink, nil},
			{"set", tar.TypeSymlink, nil}, {"set/link/evil", 0, a}}, good...), ""},
		"a link as a member": {append([]entry{{"set/a.bin", tar.TypeSymlink, nil}}, good[2:]...), "a.bin is not in the archive"},
		"missing":            {good[:2], "b.bin is not in the archive"},
		"another size":       {[]entry{{"set/a.bin", 0, b}}, "which is not what it should have"},
		"twice":              {append([]entry{{"set/a.bin", 0, a}}, good...), "file exists"},
		"a large note":       {append([]entry{{"set/names.txt", 0, make([]byte, maxSmall+1)}}, good...), "not what it should have"},
		"a bomb":             {append([]entry{{"x", 0, make([]byte, maxBeside+4*maxSmall)}}, good...), "larger than it should be"},
	} {
		t.Run(name, func(t *testing.T) {
			data, dir := archive(t, c.entries...), t.TempDir()
			s := serve(t, right(data, `"1"`))
			set := Set{Name: "x", Files: []File{fileOf("x.tar.gz", data)}, Folder: "set",
				Members: []Member{{"a.bin", 3000}, {"b.bin", 700}, {"names.txt", 0}}}
			_, err := Get(t.Context(), Job{Set: set, Dir: filepath.Join(dir, "to"), Mirrors: []string{s.URL}})
			if c.want != "" {
				if err == nil || !strings.Contains(err.Error(), c.want) || set.Lies(filepath.Join(dir, "to")) {
					t.Errorf("%v, want %q", err, c.want)
				}
				return
			}
			if err != nil || !set.Lies(filepath.Join(dir, "to")) {
				t.Fatalf("%v", err)
			}
			var found []string
			_ = filepath.Walk(dir, func(path string, info os.FileInfo, _ error) error {
				if !info.IsDir() {
					found = append(found, strings.TrimPrefix(path, dir))
				}
				return nil
			})
			if len(found) != 3 {
				t.Errorf("%v", found)
			}
			got, err := os.ReadFile(filepath.Join(dir, "to/set/a.bin"))
			if err != nil || !bytes.Equal(got, a) {
				t.Errorf("%v", err)
			}
			out, err := Get(t.Context(), Job{Set: set, Dir: filepath.Join(dir, "to"), Mirrors: []string{s.URL}})
			if err != nil || !out.There || len(s.asked) != 1 {
				t.Errorf("again: %+v %v", out, err)
			}
			// A member that is lost is unpacked again, beside what else is there.
			if err := errors.Join(os.Remove(filepath.Join(dir, "to/set/b.bin")),
				os.WriteFile(filepath.Join(dir, "to/set/mine"), a, 0o644)); err != nil {
				t.Fatal(err)
			}
			if _, err := Get(t.Context(), Job{Set: set, Dir: filepath.Join(dir, "to"), Mirrors: []string{s.URL}}); err != nil ||
				!set.Lies(filepath.Join(dir, "to")) {
				t.Errorf("%v", err)
			}
			if _, err := os.Stat(filepath.Join(dir, "to/set/mine")); err != nil {
				t.Error(err)
			}
		})
	}
}

// The published sums are written as sums are, and all sets can be named.
func TestSets(t *testing.T) {
	for _, s := range Sets {
		if found, ok := Find(s.Name); !ok || found.Title != s.Title || len(s.Mirrors) < 2 {
			t.Errorf("%s: %v", s.Name, s.Mirrors)
		}
		for _, m := range s.Mirrors {
			if err := CheckMirror(m); err != nil || strings.HasSuffix(m, "/") {
				t.Errorf("%s %v", m, err)
			}
		}
		for _, f := range s.Files {
			if sum, err := hex.DecodeString(f.SHA256); err != nil || len(sum) != sha256.Size || f.Size < 1000 {
				t.Errorf("%+v", f)
			}
		}
	}
	if _, ok := Find("imagenet"); ok {
		t.Error("a set that there is not")
	}
}
