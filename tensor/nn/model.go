package nn

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash"
	"math"
	"strings"
)

// Model is a graph with its numbers.
type Model struct {
	Graph   *Graph
	Params  []float32 // NumParams values, ParamEntries' order
	Buffers []float32 // NumBuffers values, BufferEntries' order
}

// Clone returns a deep copy.
func (m *Model) Clone() *Model {
	return &Model{m.Graph.Clone(), append([]float32(nil), m.Params...), append([]float32(nil), m.Buffers...)}
}

// Digest returns the SHA-256 of the graph's JSON, the parameters and the
// buffers, each preceded by its length as eight little-endian bytes, values as
// little-endian float32. Its hexadecimal form is the model_sha256 of results.
func (m *Model) Digest() [32]byte {
	h := sha256.New()
	var length [8]byte
	js := m.Graph.JSON()
	binary.LittleEndian.PutUint64(length[:], uint64(len(js)))
	h.Write(length[:])
	h.Write(js)
	for _, values := range [][]float32{m.Params, m.Buffers} {
		binary.LittleEndian.PutUint64(length[:], uint64(len(values)))
		h.Write(length[:])
		hashFloats(h, values)
	}
	return [32]byte(h.Sum(nil))
}

// hashFloats writes values to h as little-endian float32.
func hashFloats(h hash.Hash, values []float32) {
	var buf [4096]byte
	for len(values) > 0 {
		n := min(len(values), len(buf)/4)
		for i, v := range values[:n] {
			binary.LittleEndian.PutUint32(buf[4*i:], math.Float32bits(v))
		}
		h.Write(buf[:4*n])
		values = values[n:]
	}
}

// JSON returns the graph in compact JSON, always the same bytes for the same graph.
func (g *Graph) JSON() []byte {
	b, err := json.Marshal(g)
	if err != nil {
		panic("nn: graph holds a number that JSON does not know")
	}
	return b
}

// ParseGraph reads what JSON wrote and validates it. Unknown fields are errors.
func ParseGraph(data []byte) (*Graph, error) {
	d := json.NewDecoder(strings.NewReader(string(data)))
	d.DisallowUnknownFields()
	g := new(Graph)
	if err := d.Decode(g); err != nil {
		return nil, fmt.Errorf("graph: %w", err)
	}
	if d.More() {
		return nil, fmt.Errorf("graph: more data after its end")
	}
	if err := g.Validate(); err != nil {
		return nil, fmt.Errorf("graph: %w", err)
	}
	return g, nil
}
