package natsbus_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/tinygrow/tinygrow/proto/bus"
	"github.com/tinygrow/tinygrow/proto/bus/natsserver"
)

// served starts a server and connects to it.
func served(t *testing.T, o natsserver.Options) bus.System {
	t.Helper()
	s, err := natsserver.Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	b, err := bus.Open(bus.Options{URL: s.URL(), Name: "test"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	return b
}

func TestDialSaysWhatAServerOfSmallMessagesLacks(t *testing.T) {
	s, err := natsserver.Start(natsserver.Options{MaxPayload: 1 << 10})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Stop()
	_, err = bus.Open(bus.Options{URL: s.URL(), MinPayload: 16 << 10})
	if !errors.Is(err, bus.ErrPayload) || !strings.Contains(err.Error(), "set max_payload: 1MB") ||
		!strings.Contains(err.Error(), "1024 bytes") {
		t.Errorf("got %v", err)
	}
}

// Objects are cut to what the server takes.
func TestObjectsTravelInSmallMessages(t *testing.T) {
	b := served(t, natsserver.Options{StoreDir: t.TempDir(), MaxPayload: 16 << 10})
	objects, err := b.OpenObjects(soon(t), bus.ObjectOptions{Name: "small"})
	if err != nil {
		t.Fatal(err)
	}
	data := bytes.Repeat([]byte("0123456789abcdef"), 20_000)
	if err := objects.Put(soon(t), "x", bytes.NewReader(data)); err != nil {
		t.Fatal(err)
	}
	r, err := objects.Get(soon(t), "x")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, data) {
		t.Errorf("%d bytes came back, %v", len(got), err)
	}
}

// A full store is named by what to do, and takes more once there is room. What
// was refused is not there.
func TestAFullStoreSaysSo(t *testing.T) {
	b := served(t, natsserver.Options{StoreDir: t.TempDir(), MaxStore: 1 << 20})
	ctx := soon(t)
	log, err := b.OpenLog(ctx, bus.LogOptions{Name: "a-log", Subject: "a.log"})
	if err != nil {
		t.Fatal(err)
	}
	objects, err := b.OpenObjects(ctx, bus.ObjectOptions{Name: "ballast"})
	if err != nil {
		t.Fatal(err)
	}
	fill(t, objects)
	// The limit is looked at before a record is taken: the one that passes it is.
	number := uint64(0)
	for err == nil && number < 100 {
		if _, err = log.Append(ctx, number, make([]byte, 100)); err == nil {
			number++
		}
	}
	for _, err := range []error{err, objects.Put(ctx, "more", strings.NewReader("x"))} {
		if !errors.Is(err, bus.ErrFull) || !strings.Contains(err.Error(), "max_file_store") {
			t.Errorf("got %v", err)
		}
	}
	if last, err := log.Last(ctx); err != nil || last.Number != number {
		t.Errorf("the log ends with number %d, want %d: %v", last.Number, number, err)
	}
	names, err := objects.Names(ctx)
	if err != nil || slices.Contains(names, "more") {
		t.Errorf("objects %q, %v", names, err)
	}
	for _, name := range names {
		if err := objects.Delete(ctx, name); err != nil {
			t.Fatal(err)
		}
	}
	if n, err := log.Append(ctx, number, []byte("x")); err != nil || n != number+1 {
		t.Errorf("after room was made: %d, %v", n, err)
	}
}

// fill puts objects until there is no room for the smallest one.
func fill(t *testing.T, objects bus.Objects) {
	t.Helper()
	for size := 1 << 18; size > 0; size /= 8 {
		for i := 0; ; i++ {
			err := objects.Put(soon(t), fmt.Sprintf("%d-%d", size, i), bytes.NewReader(make([]byte, size)))
			if errors.Is(err, bus.ErrFull) {
				break
			} else if err != nil {
				t.Fatal(err)
			}
		}
	}
}
