// Package forge makes messages as somebody who means harm can: with any contents
// and a checksum that fits, which is no secret. It is for fuzzing. It sends nothing.
package forge

import (
	"bytes"
	"encoding/binary"

	"github.com/tinygrow/tinygrow/proto"
)

// tag stands before the checksum at the end of a message.
const tag = "\xa3crc\xce"

// Seal makes a message of the map in body. What is no map that has room for one
// more field stays as it is.
func Seal(body []byte) []byte {
	const least, most = 0x80, 0x8e // maps of 0 to 14 fields
	if len(body) == 0 || body[0] < least || body[0] > most {
		return body
	}
	data := bytes.Clone(body)
	data[0]++
	data = append(data, tag...)
	return binary.BigEndian.AppendUint32(data, proto.Checksum(data))
}

// Body is what Seal makes m of.
func Body(m proto.Message) ([]byte, error) {
	data, err := proto.Marshal(m)
	if err != nil {
		return nil, err
	}
	data = data[:len(data)-len(tag)-4]
	data[0]--
	return data, nil
}
