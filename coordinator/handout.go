package coordinator

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"

	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/proto/bus"
)

// handout is the data set as an object for workers that have none. It is put
// into the store once somebody asks for it.
type handout struct {
	mu    sync.Mutex
	ready bool
	err   error         // of the last try
	asked chan struct{} // holds one while the set is to be put
}

// ask reports whether the set lies in the store, and has it put there if not.
func (h *handout) ask(gone bool) (ready bool, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.ready && !gone {
		return true, nil
	}
	h.ready = false
	select {
	case h.asked <- struct{}{}:
	default:
	}
	return false, h.err
}

func (h *handout) done(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ready, h.err = err == nil, err
}

// onData tells a worker what the data set is, and where it gets it.
func (s *server) onData(m *bus.Message) {
	r := new(proto.DataRequest)
	switch err := proto.Decode(m.Data, r); {
	case errors.Is(err, proto.ErrVersion):
		reply(m, &proto.Refusal{Head: s.head(), Why: proto.OtherVersion, Text: err.Error() + ": use the same build on both sides"})
	case err == nil && r.Run == s.store.run:
		reply(m, s.offerData(r))
	}
}

func (s *server) offerData(r *proto.DataRequest) proto.Message {
	offer := &proto.DataOffer{Head: s.head(), Set: s.job.Data.Set}
	if !r.Fetch {
		return offer
	}
	refusal := &proto.Refusal{Head: s.head(), Why: proto.NotYet, Text: "the coordinator is putting the data set into the object store"}
	if s.job.Data.Pack == nil {
		refusal.Why, refusal.Text = proto.NoData, "the coordinator hands its data set out to nobody: give the worker --data and --data-dir"
		return refusal
	}
	ready, err := s.handout.ask(r.Gone)
	switch {
	case ready:
		offer.Object = s.dataObject()
		return offer
	case errors.Is(err, bus.ErrNoLogs):
		refusal.Why, refusal.Text = proto.NoData, fmt.Sprintf("the NATS server runs without JetStream, through which the data set %s would travel: "+
			"start the server with JetStream (nats-server -js), or give the worker --data %s --data-dir DIR", offer.Set.Name, offer.Set.Name)
	case err != nil:
		refusal.Text = fmt.Sprintf("the coordinator cannot put the data set into the object store yet: %.1000s", err)
	}
	return refusal
}

// dataObject names the set by all that decides its contents.
func (s *server) dataObject() string { return s.job.Data.Set.Name + "-" + s.job.Data.Set.Digest }

// writeData puts the data set into the store when it is asked for, until ctx ends.
func (s *server) writeData(ctx context.Context) {
	for {
		select {
		case <-s.handout.asked:
			s.handout.done(s.putData(ctx))
		case <-ctx.Done():
			return
		}
	}
}

// putData puts the data set into the store unless it is there.
func (s *server) putData(ctx context.Context) error {
	stores, ok := s.bus.(bus.ObjectStores)
	if !ok {
		return bus.ErrNoLogs
	}
	objects, err := stores.OpenObjects(ctx, bus.ObjectOptions{Name: proto.DataStore, Replicas: s.job.Config.Cluster.Replicas})
	if err != nil {
		return err
	}
	names, err := objects.Names(ctx)
	if err != nil || slices.Contains(names, s.dataObject()) {
		return err
	}
	return putWritten(ctx, objects, s.dataObject(), s.job.Data.Pack)
}

// piece is how many bytes are handed to the store at once: it syncs each.
const piece = 128 << 10

// putWritten puts what write writes.
func putWritten(ctx context.Context, objects bus.Objects, name string, write func(io.Writer) error) error {
	r, w := io.Pipe()
	written := make(chan struct{})
	go func() {
		defer close(written)
		out := bufio.NewWriterSize(w, piece)
		w.CloseWithError(errors.Join(write(out), out.Flush()))
	}()
	err := objects.Put(ctx, name, r)
	r.CloseWithError(errors.Join(err, io.ErrClosedPipe)) // lets the writer go
	<-written
	return err
}
