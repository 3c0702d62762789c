package proto

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"runtime"
	"testing"

	"github.com/vmihailenco/msgpack/v5"
)

// unsealed returns the map of a message without its crc field.
func unsealed(data []byte) []byte {
	body := bytes.Clone(data[:len(data)-sealLen])
	body[0]--
	return body
}

// resealed is what somebody sends who means harm and knows the protocol.
func resealed(t testing.TB, body []byte) []byte {
	data, err := seal(bytes.Clone(body))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// blank returns an empty message of m's kind.
func blank(m Message) Message { return reflect.New(reflect.TypeOf(m).Elem()).Interface().(Message) }

func TestNoFlippedBitIsAccepted(t *testing.T) {
	for _, m := range samples() {
		data, err := Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		for i := range 8 * len(data) {
			data[i/8] ^= 1 << (i % 8)
			if err := Decode(data, blank(m)); !errors.Is(err, ErrDamaged) {
				t.Fatalf("%T with bit %d flipped: %v", m, i, err)
			}
			data[i/8] ^= 1 << (i % 8)
		}
		for n := range data {
			if err := Decode(data[:n], blank(m)); !errors.Is(err, ErrDamaged) {
				t.Fatalf("the first %d bytes of %T: %v", n, m, err)
			}
		}
	}
}

func TestMessagesAreMapsThatAnybodyCanRead(t *testing.T) {
	data, err := Marshal(&News{Head: Head{Run: "r", Term: 2, Start: "s"}, Text: "hi"})
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := msgpack.Unmarshal(data, &got); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{"v": Version, "run": "r", "term": 2, "start": "s", "text": "hi", "crc": Checksum(data[:len(data)-4])}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestWhatMeansHarmTakesNoMemory(t *testing.T) {
	field := func(value ...byte) []byte { return append([]byte("\x82\xa1v\x01\xa4more"), value...) }
	ff := bytes.Repeat([]byte{0xff}, 4)
	for name, body := range map[string][]byte{
		"deep arrays":         field(bytes.Repeat([]byte{0x91}, 500_000)...),
		"deep maps":           field(bytes.Repeat([]byte{0x81}, 500_000)...),
		"endless array":       field(append([]byte{0xdd}, ff...)...),
		"endless map":         field(append([]byte{0xdf}, ff...)...),
		"endless string":      append([]byte("\x81\xa3run\xdb"), ff...),
		"endless bytes":       append([]byte("\x81\xa4data\xc6"), ff...),
		"extension":           field(0xd4, 1, 1),
		"unused code":         field(0xc1),
		"half a number":       field(0xcf, 1),
		"no value":            field(),
		"more than it holds":  append(unsealed(must(Marshal(samples()[0]))), 0xc0),
		"larger than allowed": field(append([]byte{0xc6, 0, 0x20, 0, 0}, make([]byte, 2<<20)...)...),
	} {
		data := resealed(t, body)
		for _, m := range samples() {
			var before, after runtime.MemStats
			m = blank(m)
			runtime.ReadMemStats(&before)
			err := Decode(data, m)
			runtime.ReadMemStats(&after)
			if err == nil || errors.Is(err, ErrVersion) {
				t.Errorf("%s as %T: %v", name, m, err)
			}
			if took := after.TotalAlloc - before.TotalAlloc + after.StackSys - before.StackSys; took > 1<<20 {
				t.Errorf("%s as %T took %d bytes", name, m, took)
			}
		}
	}
}

func must(data []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return data
}

// FuzzDecode decodes messages whose checksum is right, whatever is in them.
func FuzzDecode(f *testing.F) {
	for i, m := range samples() {
		f.Add(uint8(i), unsealed(must(Marshal(m))))
	}
	f.Fuzz(func(t *testing.T, kind uint8, body []byte) {
		list := samples()
		m := blank(list[int(kind)%len(list)])
		data, err := seal(body)
		if err != nil || Decode(data, m) != nil {
			return
		}
		again, err := Marshal(m)
		if err != nil {
			t.Fatalf("a decoded message does not encode: %v", err)
		}
		other := blank(m)
		if err := Decode(again, other); err != nil {
			t.Fatalf("an encoded message does not decode: %v", err)
		}
		if !bytes.Equal(again, must(Marshal(other))) {
			t.Fatalf("%+v became %+v", m, other)
		}
	})
}

// FuzzDecodeBytes decodes what may be no message at all.
func FuzzDecodeBytes(f *testing.F) {
	for i, m := range samples() {
		f.Add(uint8(i), must(Marshal(m)))
	}
	f.Fuzz(func(t *testing.T, kind uint8, data []byte) {
		list := samples()
		if err := Decode(data, blank(list[int(kind)%len(list)])); err == nil && unseal(data) != nil {
			t.Fatal("a message without a seal was accepted")
		}
		if shape(data) == nil { // then a strict reader agrees that it is one whole value
			d := msgpack.NewDecoder(bytes.NewReader(data))
			if err := d.Skip(); err != nil || d.Buffered().(*bytes.Reader).Len() != 0 {
				t.Fatalf("not one value: %v", err)
			}
		}
	})
}
