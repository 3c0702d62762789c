package coordinator

import (
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/proto/bus"
)

// handing returns a server that can do nothing but hand out a data set, and
// where a worker asks it.
func handing(t *testing.T, pack func(io.Writer) error) (*server, bus.Bus) {
	hub := bus.NewHub(16 << 10)
	d := Data{Set: proto.DataSet{Name: "cifar10", Digest: "ab", Bytes: 5}, Pack: pack}
	s := &server{job: Job{Data: d}, store: &storage{run: "r", term: 1}, bus: hub.Connect(),
		partials: newPartials(proto.Head{Run: "r", Term: 1}),
		inbox:    make(chan input), done: make(chan struct{}), handout: newHandout(t.TempDir())}
	k := Default().Cluster
	s.desk, s.blobs, s.files = newDesk(k.control), newDesk(k.bulk), newDesk(k.bulk)
	subs, err := s.listen(proto.EveryKey)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	var group sync.WaitGroup
	group.Go(func() { s.serveData(ctx) })
	for _, d := range []*desk{s.desk, s.blobs, s.files} {
		group.Go(func() { d.run(s.done) })
	}
	go func() { defer close(done); group.Wait() }()
	t.Cleanup(func() {
		stop()
		close(s.done)
		<-done
		for _, sub := range subs {
			sub.Close()
		}
	})
	return s, hub.Connect()
}

// until asks until the answer is another than "not yet".
func until(t *testing.T, s *server, r *proto.DataRequest) proto.Message {
	for range 20_000 {
		m := s.offerData(r)
		if refusal, ok := m.(*proto.Refusal); !ok || refusal.Why != proto.NotYet {
			return m
		}
		time.Sleep(time.Millisecond)
	}
	t.Fatal("not yet for ever")
	return nil
}

// askPiece asks for a piece of a file as a worker does.
func askPiece(t *testing.T, b bus.Bus, key string, offset int64) *proto.FileChunk {
	t.Helper()
	data, err := proto.Marshal(&proto.FileRequest{Head: proto.Head{Run: "r"}, Key: key, Offset: offset})
	if err != nil {
		t.Fatal(err)
	}
	var answer []byte
	for try := 0; answer == nil; try++ { // one that is dropped is asked for again
		ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
		answer, err = b.Request(ctx, proto.RunID("r").FileSubject("k"), data)
		cancel()
		if err != nil && try == 100 {
			t.Fatal(err)
		}
	}
	m := new(proto.FileChunk)
	if err := proto.Decode(answer, m); err != nil {
		t.Fatal(err)
	}
	return m
}

func TestDataIsPackedOnceAndOnDemand(t *testing.T) {
	var packed atomic.Int32
	want := strings.Repeat("0123456789", 5000)
	s, b := handing(t, func(w io.Writer) error {
		packed.Add(1)
		_, err := io.WriteString(w, want)
		return err
	})
	if offer := s.offerData(&proto.DataRequest{}).(*proto.DataOffer); offer.File.Key != "" || offer.Set != s.job.Data.Set ||
		packed.Load() != 0 {
		t.Errorf("before anybody lacks it: %+v, packed %d times", offer, packed.Load())
	}
	for range 3 {
		file := until(t, s, &proto.DataRequest{Fetch: true}).(*proto.DataOffer).File
		var got strings.Builder
		for int64(got.Len()) < file.Size {
			m := askPiece(t, b, file.Key, int64(got.Len()))
			if m.Gone || m.Size != file.Size || m.Offset != int64(got.Len()) || len(m.Data) == 0 {
				t.Fatalf("%+v", m)
			}
			got.Write(m.Data)
		}
		if got.String() != want || packed.Load() != 1 {
			t.Errorf("%d bytes, packed %d times", got.Len(), packed.Load())
		}
		if m := askPiece(t, b, "another", 0); !m.Gone {
			t.Errorf("a file that is not there: %+v", m)
		}
		if m := askPiece(t, b, file.Key, file.Size+1); !m.Gone {
			t.Errorf("behind the end: %+v", m)
		}
	}
	if files, err := os.ReadDir(s.handout.dir); err != nil || len(files) != 0 {
		t.Errorf("left in the run directory: %v, %v", files, err)
	}
}

func TestWhyDataCannotBeHandedOut(t *testing.T) {
	s, _ := handing(t, nil)
	if r := until(t, s, &proto.DataRequest{Fetch: true}).(*proto.Refusal); r.Why != proto.NoData ||
		!strings.Contains(r.Text, "--data-dir") {
		t.Errorf("%+v", r)
	}
	var tries atomic.Int32
	s, _ = handing(t, func(io.Writer) error {
		if tries.Add(1) < 3 {
			return errors.New("disk on fire")
		}
		return nil
	})
	if offer, ok := until(t, s, &proto.DataRequest{Fetch: true}).(*proto.DataOffer); !ok || tries.Load() != 3 {
		t.Errorf("after two failures: %+v, %d tries", offer, tries.Load())
	}
}

// More requests than can be answered are dropped, and hold up nobody.
func TestRequestsForPiecesAreBounded(t *testing.T) {
	hold := make(chan struct{})
	s, b := handing(t, func(io.Writer) error { <-hold; return nil })
	s.offerData(&proto.DataRequest{Fetch: true})
	for len(s.handout.asked) > 0 {
		time.Sleep(time.Millisecond)
	}
	data, err := proto.Marshal(&proto.FileRequest{Head: proto.Head{Run: "r"}, Key: "x"})
	if err != nil {
		t.Fatal(err)
	}
	for range 4 * Default().Cluster.bulk("k").depth {
		if err := b.Publish(proto.RunID("r").FileSubject("k"), data); err != nil {
			t.Fatal(err)
		}
	}
	for s.files.excess() == 0 {
		time.Sleep(time.Millisecond)
	}
	hold <- struct{}{}
	askPiece(t, b, "x", 0) // once there is room it is answered
	close(hold)
}
