package bustest

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/tinygrow/tinygrow/proto/bus"
)

// Objects runs what every store of objects must keep with two participants of
// systems of its own.
func Objects(t *testing.T, start Start[bus.ObjectStores]) {
	for name, test := range map[string]func(t *testing.T, a, b bus.Objects){
		"objects come back whole":        objectsComeBackWhole,
		"objects are gone when deleted":  objectsAreGoneWhenDeleted,
		"objects are whole or not there": objectsAreWholeOrNotThere,
	} {
		t.Run(name, func(t *testing.T) {
			connect := start(t)
			open := func() bus.Objects {
				o, err := connect().OpenObjects(soon(t), bus.ObjectOptions{Name: "some-objects"})
				if err != nil {
					t.Fatal(err)
				}
				return o
			}
			test(t, open(), open())
		})
	}
}

func read(t *testing.T, o bus.Objects, name string) ([]byte, error) {
	t.Helper()
	r, err := o.Get(soon(t), name)
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(r)
	return data, errors.Join(err, r.Close())
}

func objectsComeBackWhole(t *testing.T, a, b bus.Objects) {
	noise := rand.New(rand.NewPCG(1, 2))
	want := map[string][]byte{}
	for i, size := range []int{0, 1, 1000, 5 << 20} {
		data := make([]byte, size)
		for i := range data {
			data[i] = byte(noise.Uint32())
		}
		name := string(rune('a'+i)) + "/of size"
		if err := a.Put(soon(t), name, bytes.NewReader(data)); err != nil {
			t.Fatal(err)
		}
		want[name] = data
	}
	for name, data := range want {
		if got, err := read(t, b, name); err != nil || !bytes.Equal(got, data) {
			t.Errorf("%s: %d bytes, %v; want %d", name, len(got), err, len(data))
		}
	}
	if names, err := b.Names(soon(t)); err != nil || !slices.Equal(names, []string{"a/of size", "b/of size", "c/of size", "d/of size"}) {
		t.Errorf("names %q, %v", names, err)
	}
}

func objectsAreGoneWhenDeleted(t *testing.T, a, b bus.Objects) {
	if names, err := b.Names(soon(t)); err != nil || len(names) != 0 {
		t.Errorf("an empty store has %q, %v", names, err)
	}
	if _, err := read(t, b, "x"); !errors.Is(err, bus.ErrNoObject) {
		t.Errorf("none: %v", err)
	}
	if err := a.Put(soon(t), "x", bytes.NewReader([]byte("hi"))); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := b.Delete(soon(t), "x"); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := read(t, a, "x"); !errors.Is(err, bus.ErrNoObject) {
		t.Errorf("deleted: %v", err)
	}
}

// Half an object is none.
func objectsAreWholeOrNotThere(t *testing.T, a, b bus.Objects) {
	broken := errors.New("broken")
	half := io.MultiReader(bytes.NewReader(make([]byte, 1<<20)), failing{broken})
	if err := a.Put(soon(t), "x", half); !errors.Is(err, broken) {
		t.Errorf("put: %v", err)
	}
	if _, err := read(t, b, "x"); !errors.Is(err, bus.ErrNoObject) {
		t.Errorf("get: %v", err)
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }
