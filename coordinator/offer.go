package coordinator

import (
	"fmt"

	"github.com/tinygrow/tinygrow/coordinator/parallel"
	"github.com/tinygrow/tinygrow/coordinator/trainer"
	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/tensor/nn"
)

// blob is something handed out in chunks. Its data do not change while anybody
// uses it.
type blob struct {
	ref    proto.BlobRef
	data   []byte
	values []float32 // of weights: data are their memory
	users  *int      // of data that are to be used again, else nil; see shelf
}

func newBlob(key string, data []byte) blob {
	return blob{ref: proto.BlobRef{Key: key, Size: int64(len(data)), CRC: proto.Checksum(data)}, data: data}
}

// offer is all that workers need for a round.
type offer struct{ graph, weights, request blob }

// renew returns the offer for round r, keeping what is still true, and sets
// r's references. Keys of weights ascend with the state of the network. memory
// returns so many values.
func (o offer) renew(r *trainer.Round, m *nn.Model, newWeights bool, memory func(n int) []float32) (offer, error) {
	if key := fmt.Sprintf("graph-%d", r.Generation); o.graph.ref.Key != key {
		o.graph = newBlob(key, m.Graph.JSON())
	}
	if newWeights {
		values := memory(len(m.Params) + len(m.Buffers))
		parallel.Each((len(m.Params)+span-1)/span, func(i int) { copy(values[i*span:], m.Params[i*span:min((i+1)*span, len(m.Params))]) })
		copy(values[len(m.Params):], m.Buffers)
		data := proto.Bytes32(values)
		// Every chunk has its checksum and a key is used once: a checksum of the
		// whole would only cost time, on the critical path of every step.
		o.weights = blob{ref: proto.BlobRef{Key: fmt.Sprintf("weights-%012d-%08d", r.Step, r.Generation), Size: int64(len(data))}, data: data, values: values, users: new(int)}
		*o.weights.users = 1 // the shelf
	}
	o.request = blob{}
	if r.Request != nil {
		data, err := proto.MarshalBlob(r.Request)
		if err != nil {
			return offer{}, fmt.Errorf("encode the growth request: %w", err)
		}
		o.request = newBlob(fmt.Sprintf("request-%d", r.Round), data)
	}
	r.Graph, r.Weights, r.RoundSpec.Request = o.graph.ref, o.weights.ref, o.request.ref
	return o, nil
}
