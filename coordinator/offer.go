package coordinator

import (
	"fmt"

	"github.com/tinygrow/tinygrow/coordinator/trainer"
	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/tensor/nn"
	"github.com/vmihailenco/msgpack/v5"
)

// blob is something handed out in chunks. Its data never change.
type blob struct {
	ref  proto.BlobRef
	data []byte
}

func newBlob(key string, data []byte) blob {
	return blob{proto.BlobRef{Key: key, Size: int64(len(data)), CRC: proto.Checksum(data)}, data}
}

// offer is all that workers need for a round. An offer never changes either:
// it is read by handlers while the next one is being made.
type offer struct{ graph, weights, request blob }

// find returns the blob of a key.
func (o offer) find(key string) (blob, bool) {
	for _, b := range []blob{o.weights, o.graph, o.request} {
		if b.data != nil && b.ref.Key == key {
			return b, true
		}
	}
	return blob{}, false
}

// renew returns the offer for round r, keeping what is still true, and sets
// r's references. Keys of weights ascend with the state of the network.
func (o offer) renew(r *trainer.Round, m *nn.Model, newWeights bool) (offer, error) {
	if key := fmt.Sprintf("graph-%d", r.Generation); o.graph.ref.Key != key {
		o.graph = newBlob(key, m.Graph.JSON())
	}
	if newWeights {
		head, tail := proto.Bytes32(m.Params), proto.Bytes32(m.Buffers)
		data := make([]byte, len(head)+len(tail))
		copy(data[copy(data, head):], tail)
		o.weights = newBlob(fmt.Sprintf("weights-%012d-%08d", r.Step, r.Generation), data)
	}
	o.request = blob{}
	if r.Request != nil {
		data, err := msgpack.Marshal(r.Request)
		if err != nil {
			return offer{}, fmt.Errorf("encode the growth request: %w", err)
		}
		o.request = newBlob(fmt.Sprintf("request-%d", r.Round), data)
	}
	r.Graph, r.Weights, r.RoundSpec.Request = o.graph.ref, o.weights.ref, o.request.ref
	return o, nil
}
