package coordinator

import (
	"context"
	"errors"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/proto/bus"
)

// handing returns a server that can do nothing but hand out a data set.
func handing(t *testing.T, b bus.Bus, pack func(io.Writer) error) *server {
	d := Data{Set: proto.DataSet{Name: "cifar10", Digest: "ab", Bytes: 5}, Pack: pack}
	s := &server{job: Job{Data: d}, store: &storage{run: "r", term: 1}, bus: b, handout: handout{asked: make(chan struct{}, 1)}}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); s.writeData(ctx) }()
	t.Cleanup(func() { stop(); <-done })
	return s
}

// until asks until the answer is another than "not yet".
func until(t *testing.T, s *server, r *proto.DataRequest) proto.Message {
	for range 20_000 {
		m := s.offerData(r)
		if refusal, ok := m.(*proto.Refusal); !ok || refusal.Why != proto.NotYet {
			return m
		}
		r = &proto.DataRequest{Fetch: r.Fetch}
		time.Sleep(time.Millisecond)
	}
	t.Fatal("not yet for ever")
	return nil
}

func contents(t *testing.T, b bus.Bus, offer proto.Message) string {
	t.Helper()
	r, _, err := b.(bus.ObjectReader).ReadObject(context.Background(), proto.DataStore, offer.(*proto.DataOffer).Object)
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestDataIsPutOnceAndOnDemand(t *testing.T) {
	hub := bus.NewHub(0)
	b := hub.Connect()
	var packed atomic.Int32
	pack := func(w io.Writer) error {
		packed.Add(1)
		_, err := io.WriteString(w, "hello")
		return err
	}
	s := handing(t, b, pack)
	if offer := s.offerData(&proto.DataRequest{}).(*proto.DataOffer); offer.Object != "" || offer.Set != s.job.Data.Set || packed.Load() != 0 {
		t.Errorf("before anybody lacks it: %+v, packed %d times", offer, packed.Load())
	}
	for range 3 {
		if got := contents(t, b, until(t, s, &proto.DataRequest{Fetch: true})); got != "hello" {
			t.Errorf("%q", got)
		}
	}
	next := handing(t, b, pack) // another coordinator finds it there
	if got := contents(t, b, until(t, next, &proto.DataRequest{Fetch: true})); got != "hello" || packed.Load() != 1 {
		t.Errorf("%q, packed %d times", got, packed.Load())
	}
	objects, err := b.(bus.ObjectStores).OpenObjects(context.Background(), bus.ObjectOptions{Name: proto.DataStore})
	if err == nil {
		err = objects.Delete(context.Background(), s.dataObject())
	}
	if err != nil {
		t.Fatal(err)
	}
	if got := contents(t, b, until(t, s, &proto.DataRequest{Fetch: true, Gone: true})); got != "hello" || packed.Load() != 2 {
		t.Errorf("after it was deleted: %q, packed %d times", got, packed.Load())
	}
}

// onlyBus hides all but the messages of a bus.
type onlyBus struct{ bus.Bus }

func TestWhyDataCannotBeHandedOut(t *testing.T) {
	hub := bus.NewHub(0)
	if r := until(t, handing(t, hub.Connect(), nil), &proto.DataRequest{Fetch: true}).(*proto.Refusal); r.Why != proto.NoData || !strings.Contains(r.Text, "--data-dir") {
		t.Errorf("%+v", r)
	}
	fine := func(io.Writer) error { return nil }
	if r := until(t, handing(t, onlyBus{hub.Connect()}, fine), &proto.DataRequest{Fetch: true}).(*proto.Refusal); r.Why != proto.NoData || !strings.Contains(r.Text, "JetStream") {
		t.Errorf("%+v", r)
	}
	broken := errors.New("disk on fire")
	var tries atomic.Int32
	s := handing(t, hub.Connect(), func(io.Writer) error {
		if tries.Add(1) < 3 {
			return broken
		}
		return nil
	})
	if offer, ok := until(t, s, &proto.DataRequest{Fetch: true}).(*proto.DataOffer); !ok || tries.Load() != 3 {
		t.Errorf("after two failures: %+v, %d tries", offer, tries.Load())
	}
}
