package auth_test

import (
	"bytes"
	"context"
	"io"
	"testing"
	"time"

	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/proto/bus"
)

// A worker gets the data set that the coordinator put, and can do nothing else
// to it; a viewer cannot even do that.
func TestWorkersReadDataAndNeverWriteIt(t *testing.T) {
	connect := shipped(t)
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	coordinator, worker := connect(proto.CoordinatorRole), connect(proto.WorkerRole)
	store, err := coordinator.OpenObjects(ctx, bus.ObjectOptions{Name: proto.DataStore})
	if err != nil {
		t.Fatal(err)
	}
	want := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
	if err := store.Put(ctx, "x", bytes.NewReader(want)); err != nil {
		t.Fatal(err)
	}
	read := func(b *bus.NATS) ([]byte, error) {
		ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
		defer cancel()
		r, _, err := b.ReadObject(ctx, proto.DataStore, "x")
		if err != nil {
			return nil, err
		}
		return io.ReadAll(r)
	}
	if got, err := read(worker); err != nil || !bytes.Equal(got, want) {
		t.Fatalf("a worker reads %d bytes, %v", len(got), err)
	}
	if _, err := read(connect(proto.ViewerRole)); err == nil {
		t.Error("a viewer reads data")
	}
	brief, stop := context.WithTimeout(ctx, time.Second)
	defer stop()
	if _, err := worker.OpenObjects(brief, bus.ObjectOptions{Name: proto.DataStore}); err == nil {
		t.Error("a worker opened the store for writing")
	}
	names, err := store.Names(ctx)
	if err != nil || len(names) != 1 {
		t.Fatalf("%v, %v", names, err)
	}
	for _, subject := range []string{"$O.tinygrow-data.M.eA==", "$O.tinygrow-data.C.x", "$JS.API.STREAM.PURGE.OBJ_tinygrow-data", "$JS.API.STREAM.DELETE.OBJ_tinygrow-data"} {
		if err := worker.Publish(subject, []byte("{}")); err != nil {
			t.Fatal(err)
		}
	}
	if err := worker.Flush(ctx); err != nil {
		t.Fatal(err)
	}
	if got, err := read(worker); err != nil || !bytes.Equal(got, want) {
		t.Errorf("after a worker's tries: %d bytes, %v", len(got), err)
	}
}
