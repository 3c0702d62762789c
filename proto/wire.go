package proto

import (
	"bytes"
	"fmt"
	"hash/crc32"
	"sync"

	"github.com/vmihailenco/msgpack/v5"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Checksum is the CRC-32C of b.
func Checksum(b []byte) uint32 { return crc32.Checksum(b, castagnoli) }

// buffers are reused between messages: a chunk is half a megabyte.
var buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// Encode calls send with the bytes of m, which are valid during the call only.
func Encode(m Message, send func(data []byte) error) error {
	m.head().V = Version
	b := buffers.Get().(*bytes.Buffer)
	defer buffers.Put(b)
	b.Reset()
	e := msgpack.GetEncoder()
	defer msgpack.PutEncoder(e)
	e.Reset(b)
	if err := e.Encode(m); err != nil {
		return fmt.Errorf("encode %T: %w", m, err)
	}
	return send(b.Bytes())
}

// Marshal returns the bytes of m.
func Marshal(m Message) ([]byte, error) {
	var out []byte
	err := Encode(m, func(data []byte) error {
		out = bytes.Clone(data)
		return nil
	})
	return out, err
}

// Decode reads m from data and checks all that can be checked without knowing
// the state of the run. Nothing of data is kept.
func Decode(data []byte, m Message) error {
	d := msgpack.GetDecoder()
	defer msgpack.PutDecoder(d)
	d.Reset(bytes.NewReader(data))
	if err := d.Decode(m); err != nil {
		return fmt.Errorf("decode %T: %w", m, err)
	}
	h := m.head()
	if h.V != Version {
		return fmt.Errorf("%w: the message has %d, this program %d", ErrVersion, h.V, Version)
	}
	if err := h.Run.Validate(); err != nil {
		return err
	}
	if err := m.check(); err != nil {
		return fmt.Errorf("%T: %w", m, err)
	}
	return nil
}
