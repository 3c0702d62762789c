package eventfile

import (
	"encoding/binary"
	"hash/crc32"
	"math"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
)

// The messages of event.proto, summary.proto, tensor.proto and tensor_shape.proto,
// by the numbers of their fields.
const (
	eventTime, eventStep, eventVersion, eventSummary, eventSession = 1, 2, 3, 5, 7
	sessionStatus                                                  = 1
	summaryValue                                                   = 1
	valueTag, valueNumber, valueHistogram, valueTensor, valueMeta  = 1, 2, 5, 8, 9
	histoMin, histoMax, histoCount, histoSum, histoSquares         = 1, 2, 3, 4, 5
	histoLimit, histoBucket                                        = 6, 7
	metaPlugin, pluginName                                         = 1, 1
	tensorType, tensorShape, tensorStrings                         = 1, 2, 8
	shapeSize, sizeOf                                              = 2, 1

	sessionStart = 1               // SessionLog.START
	typeString   = 7               // DT_STRING
	version      = "brain.Event:2" // the version of the format
)

// Value is one value of a step under a tag, as loss or weights/conv1: a scalar, or a
// histogram or a text if it has one.
type Value struct {
	Tag       string
	Scalar    float64
	Histogram *Histogram
	Text      string
}

// message is a protobuf message that is being written.
type message []byte

func (m *message) number(field protowire.Number, v uint64) {
	*m = protowire.AppendVarint(protowire.AppendTag(*m, field, protowire.VarintType), v)
}

func (m *message) double(field protowire.Number, v float64) {
	*m = protowire.AppendFixed64(protowire.AppendTag(*m, field, protowire.Fixed64Type), math.Float64bits(v))
}

func (m *message) single(field protowire.Number, v float64) {
	*m = protowire.AppendFixed32(protowire.AppendTag(*m, field, protowire.Fixed32Type), math.Float32bits(float32(v)))
}

func (m *message) bytes(field protowire.Number, v []byte) {
	*m = protowire.AppendBytes(protowire.AppendTag(*m, field, protowire.BytesType), v)
}

func (m *message) doubles(field protowire.Number, list []float64) {
	packed := make([]byte, 0, 8*len(list))
	for _, v := range list {
		packed = protowire.AppendFixed64(packed, math.Float64bits(v))
	}
	m.bytes(field, packed)
}

// begin returns an Event at a step.
func begin(at time.Time, step uint64) message {
	m := make(message, 0, 128)
	m.double(eventTime, float64(float64(at.UnixMicro())/1e6))
	if step > 0 {
		m.number(eventStep, step)
	}
	return m
}

// opening returns the Event that begins a file.
func opening(at time.Time) message {
	m := begin(at, 0)
	m.bytes(eventVersion, []byte(version))
	return m
}

// session returns the Event that says that from a step on what earlier files tell
// no longer counts.
func session(at time.Time, from uint64) message {
	m := begin(at, from)
	var log message
	log.number(sessionStatus, sessionStart)
	m.bytes(eventSession, log)
	return m
}

// summary returns the Event with the values of a step.
func summary(at time.Time, step uint64, values []Value) message {
	var list message
	for i := range values {
		list.bytes(summaryValue, values[i].encode())
	}
	m := begin(at, step)
	m.bytes(eventSummary, list)
	return m
}

func (v *Value) encode() message {
	m := make(message, 0, 64)
	m.bytes(valueTag, []byte(v.Tag))
	switch {
	case v.Histogram != nil:
		m.bytes(valueHistogram, v.Histogram.encode())
	case v.Text != "":
		var plugin, meta, size, shape, tensor message
		plugin.bytes(pluginName, []byte("text"))
		meta.bytes(metaPlugin, plugin)
		size.number(sizeOf, 1)
		shape.bytes(shapeSize, size)
		tensor.number(tensorType, typeString)
		tensor.bytes(tensorShape, shape)
		tensor.bytes(tensorStrings, []byte(v.Text))
		m.bytes(valueTensor, tensor)
		m.bytes(valueMeta, meta)
	default:
		m.single(valueNumber, v.Scalar)
	}
	return m
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// masked is the checksum of TFRecord, which may itself stand in data that is summed.
func masked(data []byte) uint32 {
	c := crc32.Checksum(data, castagnoli)
	return (c>>15 | c<<17) + 0xa282ead8
}

// Bytes of a frame in front of the data and behind them.
const (
	frameHead = 12
	frameTail = 4
)

// frame puts data into a record: its length, the checksum of that, the data and
// their checksum.
func frame(data []byte) []byte {
	record := binary.LittleEndian.AppendUint64(make([]byte, 0, frameHead+len(data)+frameTail), uint64(len(data)))
	record = binary.LittleEndian.AppendUint32(record, masked(record))
	record = append(record, data...)
	return binary.LittleEndian.AppendUint32(record, masked(data))
}
