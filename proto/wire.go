package proto

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/vmihailenco/msgpack/v5"
)

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
	data, err := seal(b.Bytes())
	if err != nil {
		return fmt.Errorf("encode %T: %w", m, err)
	}
	return send(data)
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

// Raw is bytes that decoding does not copy: they are part of the message.
type Raw []byte

// DecodeMsgpack takes the next bin of the message at hand.
func (r *Raw) DecodeMsgpack(d *msgpack.Decoder) error {
	n, err := d.DecodeBytesLen()
	if err != nil {
		return err
	}
	s, ok := d.Buffered().(*source)
	switch {
	case !ok:
		return errors.New("raw bytes outside a message")
	case n > len(s.data)-s.at:
		return io.ErrUnexpectedEOF
	}
	n = max(n, 0) // -1 is nil
	*r = s.data[s.at : s.at+n : s.at+n]
	s.at += n
	return nil
}

// source is a message being decoded.
type source struct {
	data []byte
	at   int
}

func (s *source) Read(p []byte) (int, error) {
	if s.at == len(s.data) {
		return 0, io.EOF
	}
	n := copy(p, s.data[s.at:])
	s.at += n
	return n, nil
}

func (s *source) ReadByte() (byte, error) {
	if s.at == len(s.data) {
		return 0, io.EOF
	}
	s.at++
	return s.data[s.at-1], nil
}

func (s *source) UnreadByte() error {
	if s.at == 0 {
		return errors.New("nothing was read")
	}
	s.at--
	return nil
}

// Decode reads m from data and checks all that can be checked without knowing
// the state of the run, sizes before any memory is taken. It returns ErrDamaged
// when the bytes are not those that were sent, ErrVersion when another version
// of the protocol sent them. Texts for people are printable. The Data of chunks is
// part of data; nothing else of it is kept.
func Decode(data []byte, m Message) error {
	if err := unseal(data); err != nil {
		return fmt.Errorf("%T: %w", m, err)
	}
	if err := shape(data); err != nil {
		return fmt.Errorf("%T: %w", m, err)
	}
	d := msgpack.GetDecoder()
	defer msgpack.PutDecoder(d)
	d.Reset(&source{data: data})
	if err := d.Decode(m); err != nil {
		return fmt.Errorf("decode %T: %w", m, err)
	}
	h := m.head()
	if h.V != Version {
		return fmt.Errorf("%w: the message has %d, this program %d", ErrVersion, h.V, Version)
	}
	if err := h.validate(); err != nil {
		return err
	}
	if err := m.check(); err != nil {
		return fmt.Errorf("%T: %w", m, err)
	}
	printable(m)
	return nil
}

// MarshalBlob returns the bytes of v, a struct of at most 15 fields that travels
// as a blob, whose checksum its BlobRef holds.
func MarshalBlob(v any) ([]byte, error) { return msgpack.Marshal(v) }

// UnmarshalBlob reads what MarshalBlob wrote, with the checks of Decode on its
// shape: a length that the data does not hold is refused before any memory is taken.
func UnmarshalBlob(data []byte, v any) error {
	if err := shape(data); err != nil {
		return fmt.Errorf("%T: %w", v, err)
	}
	if err := msgpack.Unmarshal(data, v); err != nil {
		return fmt.Errorf("decode %T: %w", v, err)
	}
	return nil
}
