package proto

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/vmihailenco/msgpack/v5/msgpcode"
)

// A message is one msgpack map whose last field is crc, the CRC-32C of all
// bytes before its value. It covers who, which round and which block as well as
// the numbers: a tensor in the place of another would be as wrong as a damaged one.
const (
	sealTag = "\xa3crc\xce" // the key, and the code of a 32-bit number in full
	sealLen = len(sealTag) + 4

	// maxMessage bounds a whole message: a chunk and what surrounds it.
	maxMessage = MaxChunk + 64<<10
	// maxDepth bounds how deep values lie within each other.
	maxDepth = 8
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Checksum is the CRC-32C of b.
func Checksum(b []byte) uint32 { return crc32.Checksum(b, castagnoli) }

// ErrDamaged is returned when a checksum does not fit its data.
var ErrDamaged = errors.New("damaged: checksum does not fit")

// seal adds the crc field to the map in b.
func seal(b []byte) ([]byte, error) {
	if len(b) == 0 || b[0] < msgpcode.FixedMapLow || b[0] >= msgpcode.FixedMapHigh {
		return nil, errors.New("message of more than 14 fields")
	}
	b[0]++ // one field more
	b = append(b, sealTag...)
	return binary.BigEndian.AppendUint32(b, Checksum(b)), nil
}

// unseal checks that b is whole and undamaged.
func unseal(b []byte) error {
	switch at := len(b) - 4; {
	case len(b) > maxMessage:
		return fmt.Errorf("message of %d bytes: at most %d", len(b), maxMessage)
	case len(b) < sealLen, string(b[at-len(sealTag):at]) != sealTag, binary.BigEndian.Uint32(b[at:]) != Checksum(b[:at]):
		return ErrDamaged
	}
	return nil
}

// shape refuses what is not exactly one map, nested at most maxDepth deep, with
// all it claims to hold. It takes no memory, so that what it passes can be decoded
// in memory that the message itself bounds: the checksum is no secret, and
// whoever means harm can compute it too.
func shape(b []byte) error {
	if len(b) == 0 || !msgpcode.IsFixedMap(b[0]) {
		return errors.New("not a map of at most 15 fields")
	}
	var left [maxDepth]int // values still to come, level by level
	depth := 0
	left[0] = 1
	for at := 0; depth >= 0; {
		if left[depth] == 0 {
			if depth--; depth < 0 && at != len(b) {
				return fmt.Errorf("%d bytes too many", len(b)-at)
			}
			continue
		}
		left[depth]--
		size, inside, err := value(b[at:])
		if err != nil {
			return err
		}
		if at += size; inside > len(b)-at { // each takes a byte at least
			return io.ErrUnexpectedEOF
		}
		if inside > 0 {
			if depth++; depth == maxDepth {
				return fmt.Errorf("nested deeper than %d levels", maxDepth)
			}
			left[depth] = inside
		}
	}
	return nil
}

// value returns how many bytes of b its first value takes, without the inside
// values that follow it and belong to it.
func value(b []byte) (size, inside int, err error) {
	if len(b) == 0 {
		return 0, 0, io.ErrUnexpectedEOF
	}
	c := b[0]
	// count reads the number of the given width behind the code.
	count := func(width int) int {
		if len(b) < 1+width {
			return len(b) + 1 // past the end
		}
		var wide [4]byte
		copy(wide[4-width:], b[1:1+width])
		return int(binary.BigEndian.Uint32(wide[:]))
	}
	switch {
	case msgpcode.IsFixedNum(c), c == msgpcode.Nil, c == msgpcode.True, c == msgpcode.False:
		size = 1
	case msgpcode.IsFixedMap(c):
		size, inside = 1, 2*int(c&msgpcode.FixedMapMask)
	case msgpcode.IsFixedArray(c):
		size, inside = 1, int(c&msgpcode.FixedArrayMask)
	case msgpcode.IsFixedString(c):
		size = 1 + int(c&msgpcode.FixedStrMask)
	default:
		switch c {
		case msgpcode.Uint8, msgpcode.Int8:
			size = 2
		case msgpcode.Uint16, msgpcode.Int16:
			size = 3
		case msgpcode.Uint32, msgpcode.Int32, msgpcode.Float:
			size = 5
		case msgpcode.Uint64, msgpcode.Int64, msgpcode.Double:
			size = 9
		case msgpcode.Str8, msgpcode.Bin8:
			size = 2 + count(1)
		case msgpcode.Str16, msgpcode.Bin16:
			size = 3 + count(2)
		case msgpcode.Str32, msgpcode.Bin32:
			size = 5 + count(4)
		case msgpcode.Array16:
			size, inside = 3, count(2)
		case msgpcode.Array32:
			size, inside = 5, count(4)
		case msgpcode.Map16:
			size, inside = 3, 2*count(2)
		case msgpcode.Map32:
			size, inside = 5, 2*count(4)
		default:
			return 0, 0, fmt.Errorf("no message holds a value of code %#x", c)
		}
	}
	if size > len(b) {
		return 0, 0, io.ErrUnexpectedEOF
	}
	return size, inside, nil
}
