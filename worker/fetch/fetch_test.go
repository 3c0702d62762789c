package fetch

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/proto/bus"
	"github.com/tinygrow/tinygrow/worker/dataset"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const run = proto.RunID("r")

// someSet returns a small set read from files.
func someSet(t *testing.T) *dataset.Set {
	t.Helper()
	dir := t.TempDir()
	file := func(name string, size []uint32, n int) {
		data := []byte{0, 0, 8, byte(len(size))}
		for _, s := range size {
			data = binary.BigEndian.AppendUint32(data, s)
		}
		for i := range n {
			data = append(data, byte(i*i%10))
		}
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, split := range []string{"train", "t10k"} {
		file(split+"-images-idx3-ubyte", []uint32{40, 28, 28}, 40*28*28)
		file(split+"-labels-idx1-ubyte", []uint32{40}, 40)
	}
	s, err := dataset.Open(dataset.Config{Name: "mnist", Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func identity(s *dataset.Set) proto.DataSet {
	return proto.DataSet{Name: s.Name(), Digest: s.Digest(), Bytes: s.Bytes()}
}

// stand answers for a coordinator.
type stand struct {
	t       *testing.T
	hub     *bus.Hub
	b       bus.Bus
	set     proto.DataSet
	file    []byte // as it is packed
	fetches atomic.Int32
	pieces  atomic.Int32
	notYet  atomic.Int32 // answers still to be so
	// answers may change the n-th answer with a piece; nil: it gets lost.
	answers func(n int32, m *proto.FileChunk) *proto.FileChunk
}

func newStand(t *testing.T, set proto.DataSet, file []byte) *stand {
	h := bus.NewHub(0)
	s := &stand{t: t, hub: h, b: h.Connect(), set: set, file: file,
		answers: func(_ int32, m *proto.FileChunk) *proto.FileChunk { return m }}
	for subject, handler := range map[string]bus.Handler{run.DataSubject(proto.EveryKey): s.answer,
		run.FileSubject(proto.EveryKey): s.hand} {
		if _, err := s.b.Subscribe(subject, handler); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { s.b.Close() })
	return s
}

// ref names the file.
func (s *stand) ref() proto.FileRef {
	return proto.FileRef{Key: fmt.Sprintf("file-%08x", proto.Checksum(s.file)), Size: int64(len(s.file))}
}

func (s *stand) answer(m *bus.Message) {
	r := new(proto.DataRequest)
	if err := proto.Decode(m.Data, r); err != nil {
		s.t.Error(err)
	}
	var out proto.Message
	switch offer := (&proto.DataOffer{Head: proto.Head{Run: run, Term: 1}, Set: s.set}); {
	case s.notYet.Add(-1) >= 0:
		out = &proto.Refusal{Head: offer.Head, Why: proto.NotYet, Text: "in a moment"}
	case !r.Fetch:
		out = offer
	case s.file == nil:
		out = &proto.Refusal{Head: offer.Head, Why: proto.NoData, Text: "it is handed out to nobody"}
	default:
		s.fetches.Add(1)
		offer.File = s.ref()
		out = offer
	}
	s.respond(m, out)
}

func (s *stand) hand(m *bus.Message) {
	r := new(proto.FileRequest)
	if err := proto.Decode(m.Data, r); err != nil {
		s.t.Error(err)
	}
	out := &proto.FileChunk{Head: proto.Head{Run: run, Term: 1}, Key: r.Key, Gone: true}
	if r.Key == s.ref().Key {
		out.Gone, out.Chunk = false, proto.ChunkAt(s.file, r.Offset, 256)
	}
	if out = s.answers(s.pieces.Add(1), out); out != nil {
		s.respond(m, out)
	}
}

func (s *stand) respond(m *bus.Message, out proto.Message) {
	data, err := proto.Marshal(out)
	if err != nil {
		s.t.Error(err)
	}
	m.Respond(data)
}

func (s *stand) client(dir string) Client {
	return Client{Config: Config{Dir: dir, LimitMB: 1}, Run: run, Answer: 100 * time.Millisecond, Retry: time.Millisecond}
}

func soon(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func pack(t *testing.T, s *dataset.Set) []byte {
	var b bytes.Buffer
	if err := s.Pack(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// respelt is a packed file of the same samples whose header has other bytes.
func respelt(file []byte) []byte {
	out := bytes.Clone(file)
	header := out[24 : 24+binary.LittleEndian.Uint32(out[16:])]
	copy(header, bytes.Replace(header, []byte(`"flip":false`), []byte(`"flip":true `), 1))
	binary.LittleEndian.PutUint32(out[20:], crc32.Checksum(header, crc32.MakeTable(crc32.Castagnoli)))
	return out
}

func TestSetsAreFetchedOnceAndKept(t *testing.T) {
	want, dir := someSet(t), filepath.Join(t.TempDir(), "new", "cache")
	s := newStand(t, identity(want), pack(t, want))
	s.notYet.Store(2)
	for range 2 {
		got, err := s.client(dir).Get(soon(t), s.hub.Connect())
		if err != nil {
			t.Fatal(err)
		}
		if got.Digest() != want.Digest() {
			t.Error("another set")
		}
	}
	if n := s.fetches.Load(); n != 1 { // the second Get takes it from the cache
		t.Errorf("asked for the file %d times", n)
	}
}

func TestWorkersOfAHostFetchOnce(t *testing.T) {
	want, dir := someSet(t), t.TempDir()
	s := newStand(t, identity(want), pack(t, want))
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			if got, err := s.client(dir).Get(soon(t), s.hub.Connect()); err != nil || got.Digest() != want.Digest() {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if n := s.fetches.Load(); n != 1 {
		t.Errorf("fetched %d times", n)
	}
}

// Pieces that are lost, damaged, of another place or cut smaller, and a
// coordinator that makes room for another one, cost time and nothing else.
func TestBrokenDownloadsGoOn(t *testing.T) {
	want := someSet(t)
	for name, answers := range map[string]func(s *stand, n int32, m *proto.FileChunk) *proto.FileChunk{
		"every third is lost": func(_ *stand, n int32, m *proto.FileChunk) *proto.FileChunk {
			if n%3 == 0 {
				return nil
			}
			return m
		},
		"of another place": func(_ *stand, n int32, m *proto.FileChunk) *proto.FileChunk {
			if n%3 == 0 {
				m.Offset++
				m.Data = m.Data[:len(m.Data)-1]
			}
			return m
		},
		"smaller ones later": func(s *stand, n int32, m *proto.FileChunk) *proto.FileChunk {
			if n > 3 {
				m.Data = m.Data[:min(len(m.Data), 100)]
			}
			return m
		},
		"larger ones later": func(s *stand, n int32, m *proto.FileChunk) *proto.FileChunk {
			if n < 3 {
				m.Data = m.Data[:min(len(m.Data), 100)]
			}
			return m
		},
		"another coordinator, the same file": func(_ *stand, n int32, m *proto.FileChunk) *proto.FileChunk {
			if n > 2 && n < 9 {
				return &proto.FileChunk{Head: m.Head, Key: m.Key, Gone: true}
			}
			return m
		},
		"another coordinator, another file": func(s *stand, n int32, m *proto.FileChunk) *proto.FileChunk {
			if n == 3 {
				s.file = respelt(s.file)
				return &proto.FileChunk{Head: m.Head, Key: m.Key, Gone: true}
			}
			return m
		},
	} {
		s := newStand(t, identity(want), pack(t, want))
		s.answers = func(n int32, m *proto.FileChunk) *proto.FileChunk { return answers(s, n, m) }
		got, err := s.client(t.TempDir()).Get(soon(t), s.hub.Connect())
		if err != nil || got.Digest() != want.Digest() {
			t.Fatalf("%s: %v", name, err)
		}
		if n := s.fetches.Load(); n > 1 && !strings.HasPrefix(name, "another coordinator") {
			t.Errorf("%s: begun %d times", name, n)
		}
		if n := s.pieces.Load(); int(n) <= len(s.file)/256 {
			t.Errorf("%s: only %d pieces", name, n)
		}
	}
}

func TestDamagedFilesOfTheCacheAreFetchedAgain(t *testing.T) {
	want, dir := someSet(t), t.TempDir()
	s := newStand(t, identity(want), pack(t, want))
	path := filepath.Join(dir, "mnist-"+want.Digest()+".tgpack")
	for _, bad := range [][]byte{{}, []byte("nonsense"), s.file[:len(s.file)/2]} {
		if err := os.WriteFile(path, bad, 0o644); err != nil {
			t.Fatal(err)
		}
		if got, err := s.client(dir).Get(soon(t), s.hub.Connect()); err != nil || got.Digest() != want.Digest() {
			t.Fatal(err)
		}
	}
}

// A pipe would be waited for, a device read for ever.
func TestWhatIsNoFileInTheCacheIsFetchedAgain(t *testing.T) {
	want, dir := someSet(t), t.TempDir()
	s := newStand(t, identity(want), pack(t, want))
	path := filepath.Join(dir, "mnist-"+want.Digest()+".tgpack")
	for what, put := range map[string]func() error{
		"a pipe":   func() error { return syscall.Mkfifo(path, 0o644) },
		"a device": func() error { return os.Symlink("/dev/zero", path) },
		"a folder": func() error { return os.Mkdir(path, 0o755) },
	} {
		if err := put(); err != nil {
			t.Fatal(err)
		}
		if got, err := s.client(dir).Get(soon(t), s.hub.Connect()); err != nil || got.Digest() != want.Digest() {
			t.Errorf("%s: %v", what, err)
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
}

func TestOtherContentsAreRefusedInTheEnd(t *testing.T) {
	want := someSet(t)
	d := identity(want)
	d.Digest = strings.Repeat("ab", 32)
	s := newStand(t, d, pack(t, want))
	dir := t.TempDir()
	_, err := s.client(dir).Get(soon(t), s.hub.Connect())
	if !errors.Is(err, dataset.ErrData) || !strings.Contains(err.Error(), "it came 3 times") {
		t.Errorf("got %v", err)
	}
	if files, _ := filepath.Glob(filepath.Join(dir, "*.tgpack*")); len(files) != 1 { // the lock
		t.Errorf("left %q", files)
	}
}

func TestWhatIsRefusedAndWhy(t *testing.T) {
	want := someSet(t)
	good := identity(want)
	for name, c := range map[string]struct {
		change func(d *proto.DataSet)
		file   []byte
		told   string // the set's name that the worker was given
		text   string
	}{
		"too large": {func(d *proto.DataSet) { d.Bytes = 2 << 20 }, nil, "", "--set fetch.limit_mb=3"},
		"a path":    {func(d *proto.DataSet) { d.Name = "../../x" }, nil, "", "use the same build"},
		"no digest": {func(d *proto.DataSet) { d.Digest = "../" + d.Digest[3:] }, nil, "", "use the same build"},
		"other set": {func(*proto.DataSet) {}, nil, "cifar10", "leave out --data"},
		"no file":   {func(*proto.DataSet) {}, nil, "mnist", "handed out to nobody"},
		"a bomb":    {func(*proto.DataSet) {}, make([]byte, 6<<20), "", "no set of"},
	} {
		d := good
		c.change(&d)
		s := newStand(t, d, c.file)
		client := s.client(t.TempDir())
		client.Name = c.told
		if _, err := client.Get(soon(t), s.hub.Connect()); !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), c.text) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A set whose labels and orders the memory cannot hold is fetched once, not again and again.
func TestASetThatTheMemoryCannotHoldIsFetchedOnce(t *testing.T) {
	want := someSet(t)
	file := pack(t, want)
	n := binary.LittleEndian.Uint32(file[16:])
	header := bytes.TrimRight(file[24:24+n], " ")
	header = bytes.Replace(header, []byte(`"train":40`), []byte(`"train":4000000000`), 1)
	header = append(header, bytes.Repeat([]byte(" "), int(n)-len(header))...)
	copy(file[24:], header)
	binary.LittleEndian.PutUint32(file[20:], crc32.Checksum(header, crc32.MakeTable(crc32.Castagnoli)))
	s := newStand(t, identity(want), file)
	if _, err := s.client(t.TempDir()).Get(soon(t), s.hub.Connect()); !errors.Is(err, dataset.ErrData) || s.fetches.Load() > 3 {
		t.Errorf("%v, asked for the file %d times", err, s.fetches.Load())
	}
}

func TestTheBuiltInSetIsDrawn(t *testing.T) {
	want, err := dataset.Open(dataset.Config{Name: "shapes", Seed: 7, Limit: 30})
	if err != nil {
		t.Fatal(err)
	}
	d := identity(want)
	d.Seed, d.Limit = 7, 30
	s := newStand(t, d, nil)
	if got, err := s.client(t.TempDir()).Get(soon(t), s.hub.Connect()); err != nil || got.Digest() != want.Digest() {
		t.Error(err)
	}
	s.set.Seed = 8
	if _, err := s.client(t.TempDir()).Get(soon(t), s.hub.Connect()); !errors.Is(err, dataset.ErrData) {
		t.Errorf("another seed: %v", err)
	}
}

func TestWaitingEndsWithTheRunOrTheContext(t *testing.T) {
	h := bus.NewHub(0)
	b := h.Connect()
	ctx, cancel := context.WithCancel(soon(t))
	waiting := make(chan string, 100)
	c := Client{Config: Default(), Run: run, Retry: time.Millisecond, Alive: func(state string) {
		select {
		case waiting <- state:
		default:
		}
	}}
	done := make(chan error)
	get := func(ctx context.Context) {
		_, err := c.Get(ctx, h.Connect())
		done <- err
	}
	go get(ctx)
	<-waiting
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	for len(waiting) > 0 {
		<-waiting
	}
	go get(soon(t))
	<-waiting
	news, err := proto.Marshal(&proto.News{Head: proto.Head{Run: run}, Ended: true})
	if err != nil {
		t.Fatal(err)
	}
	b.Publish(run.NewsSubject(), news)
	if err := <-done; !errors.Is(err, ErrEnded) {
		t.Error(err)
	}
}

func TestDirectoriesThatCannotBeUsedAreNamed(t *testing.T) {
	want := someSet(t)
	s := newStand(t, identity(want), pack(t, want))
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	_, err := s.client(filepath.Join(file, "cache")).Get(soon(t), s.hub.Connect())
	if !errors.Is(err, ErrCache) || !strings.Contains(err.Error(), "--cache") {
		t.Errorf("got %v", err)
	}
}

func TestRemaining(t *testing.T) {
	if got := (&progress{have: 30, size: 100}).remaining(3 * time.Second); got != 7*time.Second {
		t.Error(got)
	}
	if got := (&progress{size: 100}).remaining(time.Second); got != 0 {
		t.Error(got)
	}
}
