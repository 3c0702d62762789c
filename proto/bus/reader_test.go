package bus_test

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/tinygrow/tinygrow/proto/bus"
	"github.com/tinygrow/tinygrow/proto/bus/natsserver"
)

// readContract runs test with a store to write to and another participant's reader.
func readContract(t *testing.T, test func(t *testing.T, o bus.Objects, r bus.ObjectReader)) {
	open := func(t *testing.T, b bus.Bus) bus.Objects {
		o, err := b.(bus.ObjectStores).OpenObjects(soon(t), bus.ObjectOptions{Name: "some-objects"})
		if err != nil {
			t.Fatal(err)
		}
		return o
	}
	t.Run("hub", func(t *testing.T) {
		h := bus.NewHub(0)
		test(t, open(t, h.Connect()), h.Connect().(bus.ObjectReader))
	})
	t.Run("nats", func(t *testing.T) {
		connect := dialLogs(t, natsserver.Options{StoreDir: t.TempDir()})
		test(t, open(t, connect().(bus.Bus)), connect().(bus.ObjectReader))
	})
}

func readAll(t *testing.T, r bus.ObjectReader, name string) (data []byte, size int64, err error) {
	t.Helper()
	in, size, err := r.ReadObject(soon(t), "some-objects", name)
	if err != nil {
		return nil, 0, err
	}
	data, err = io.ReadAll(in)
	return data, size, errors.Join(err, in.Close())
}

func TestReadersGetWhatWasPutLast(t *testing.T) {
	readContract(t, func(t *testing.T, o bus.Objects, r bus.ObjectReader) {
		noise := rand.New(rand.NewPCG(3, 4))
		for _, size := range []int{0, 1, 128 << 10, 3<<20 + 7, 10} {
			want := make([]byte, size)
			for i := range want {
				want[i] = byte(noise.Uint32())
			}
			for _, name := range []string{"x", "other"} {
				if err := o.Put(soon(t), name, bytes.NewReader(want)); err != nil {
					t.Fatal(err)
				}
			}
			got, n, err := readAll(t, r, "x")
			if err != nil || n != int64(size) || !bytes.Equal(got, want) {
				t.Errorf("%d of %d bytes, said to be %d: %v", len(got), size, n, err)
			}
		}
	})
}

func TestReadersAreToldOfWhatIsNotThere(t *testing.T) {
	readContract(t, func(t *testing.T, o bus.Objects, r bus.ObjectReader) {
		if _, _, err := readAll(t, r, "x"); !errors.Is(err, bus.ErrNoObject) {
			t.Errorf("never put: %v", err)
		}
		if _, _, err := r.ReadObject(soon(t), "no-such-store", "x"); !errors.Is(err, bus.ErrNoObject) {
			t.Errorf("no store: %v", err)
		}
		if err := errors.Join(o.Put(soon(t), "x", bytes.NewReader([]byte("hi"))), o.Delete(soon(t), "x")); err != nil {
			t.Fatal(err)
		}
		if _, _, err := readAll(t, r, "x"); !errors.Is(err, bus.ErrNoObject) {
			t.Errorf("deleted: %v", err)
		}
	})
}

func TestObjectsDeletedWhileTheyAreReadAreNotWhole(t *testing.T) {
	connect := dialLogs(t, natsserver.Options{StoreDir: t.TempDir()})
	o, err := connect().(bus.ObjectStores).OpenObjects(soon(t), bus.ObjectOptions{Name: "some-objects"})
	if err != nil {
		t.Fatal(err)
	}
	if err := o.Put(soon(t), "x", bytes.NewReader(make([]byte, 1<<20))); err != nil {
		t.Fatal(err)
	}
	in, _, err := connect().(bus.ObjectReader).ReadObject(soon(t), "some-objects", "x")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(in, make([]byte, 10)); err != nil {
		t.Fatal(err)
	}
	if err := o.Delete(soon(t), "x"); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(in); !errors.Is(err, bus.ErrNoObject) {
		t.Errorf("got %v", err)
	}
}

func TestReadFaultsAreTold(t *testing.T) {
	h := bus.NewHub(0)
	b := h.Connect()
	o, _ := b.(bus.ObjectStores).OpenObjects(soon(t), bus.ObjectOptions{Name: "some-objects"})
	want := bytes.Repeat([]byte("abc"), 1000)
	if err := o.Put(soon(t), "x", bytes.NewReader(want)); err != nil {
		t.Fatal(err)
	}
	for _, plan := range []bus.ReadPlan{{Break: 1}, {Damage: 1}} {
		f := bus.ReadFaults(b.(bus.ObjectReader), plan)
		got, _, err := readAll(t, f, "x")
		if err == nil || bytes.Equal(got, want) || f.Fired() != 1 {
			t.Errorf("%+v: %d bytes, %v, %d fired", plan, len(got), err, f.Fired())
		}
	}
	f := bus.ReadFaults(b.(bus.ObjectReader), bus.ReadPlan{})
	if got, _, err := readAll(t, f, "x"); err != nil || !bytes.Equal(got, want) || f.Fired() != 0 {
		t.Errorf("no faults: %v", err)
	}
}
