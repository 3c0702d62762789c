package natsbus

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/tinygrow/tinygrow/proto/bus"
	"github.com/tinygrow/tinygrow/proto/bus/natsserver"
)

// A store whose objects are replaced again and again, each under a new name,
// does not grow.
func TestDeletedObjectsLeaveNothing(t *testing.T) {
	server, err := natsserver.Start(natsserver.Options{StoreDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Stop()
	b, err := Dial(bus.Options{URL: server.URL()})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	objects, err := b.OpenObjects(ctx, bus.ObjectOptions{Name: "some"})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 20 {
		if err := objects.Put(ctx, fmt.Sprint("x/", i), strings.NewReader("some bytes")); err != nil {
			t.Fatal(err)
		}
		if i > 0 {
			if err := objects.Delete(ctx, fmt.Sprint("x/", i-1)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := errors.Join(objects.Delete(ctx, "x/3"), objects.Delete(ctx, "never")); err != nil {
		t.Errorf("of what is not there: %v", err)
	}
	js, err := jetstream.New(b.control.current())
	if err != nil {
		t.Fatal(err)
	}
	stream, err := js.Stream(ctx, "OBJ_some")
	if err != nil {
		t.Fatal(err)
	}
	if n := stream.CachedInfo().State.Msgs; n != 2 {
		t.Errorf("%d messages keep one small object", n)
	}
	if names, err := objects.Names(ctx); err != nil || len(names) != 1 || names[0] != "x/19" {
		t.Errorf("names %q, %v", names, err)
	}
}
