package coordinator

import (
	"fmt"

	"github.com/tinygrow/tinygrow/coordinator/trainer"
	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/tensor/parallel"
)

// blob is something handed out in chunks. Its data do not change while anybody
// uses it.
type blob struct {
	ref    proto.BlobRef
	data   []byte
	values []float32 // the weights, whose memory is data
	users  *int      // count of users of data that will be used again, else nil; see shelf
}

func newBlob(key string, data []byte) blob {
	return blob{ref: proto.BlobRef{Key: key, Size: int64(len(data)), Digest: proto.DigestOf(data)}, data: data}
}

// offer is all that workers need for a round.
type offer struct{ graph, weights, request blob }

// renew returns the offer for round r, keeping what is still true, and sets
// r's references. Keys of weights ascend with the state of the network. memory
// returns so many values. inputs identifies all that the sums of the round follow from.
func (o offer) renew(r *trainer.Round, t *trainer.Trainer, memory func(n int) []float32) (next offer, inputs proto.Digest, err error) {
	if key := fmt.Sprintf("graph-%d", r.Generation); o.graph.ref.Key != key {
		o.graph = newBlob(key, t.Model().Graph.JSON())
	}
	w := t.Weights()
	if key := fmt.Sprintf("weights-%012d-%08d%s", r.Step, r.Generation, w.Turn); o.weights.ref.Key != key {
		o.weights = weightsOf(w, key, memory)
	}
	o.request = blob{}
	if r.Request != nil {
		data, err := proto.MarshalBlob(r.Request)
		if err != nil {
			return offer{}, inputs, fmt.Errorf("encode the growth request: %w", err)
		}
		key := fmt.Sprintf("request-%d", r.Round)
		if r.Kind == proto.Gradient { // the same for all steps of a generation
			key = fmt.Sprintf("riding-%d", r.Generation)
		}
		o.request = newBlob(key, data)
	}
	r.Graph, r.Weights, r.RoundSpec.Request = o.graph.ref, o.weights.ref, o.request.ref
	return o, r.Inputs(o.graph.ref.Digest, o.weights.ref.Digest, o.request.ref.Digest), nil
}

// weightsOf returns a copy of a model's numbers. This is on the critical path
// of every step: spans that the update hashed are not hashed again, others are
// behind their copying, while the cache has them.
func weightsOf(w trainer.Weights, key string, memory func(n int) []float32) blob {
	m, known := w.Model, w.Spans
	params := len(m.Params)
	values := memory(params + len(m.Buffers))
	data := proto.Bytes32(values)
	copy(values[params:], m.Buffers)
	spans := proto.NewSpans(len(data))
	parallel.Each(len(spans), func(i int) {
		lo, hi := spans.Range(i, data)
		lo, hi = lo/4, hi/4
		if from := min(hi, params); lo < from {
			copy(values[lo:from], m.Params[lo:from])
		}
		if hi <= params && i < len(known) {
			spans[i] = known[i]
			return
		}
		spans.Hash(i, data)
	})
	users := 1 // the shelf
	return blob{ref: proto.BlobRef{Key: key, Size: int64(len(data)), Digest: spans.Digest()}, data: data, values: values, users: &users}
}
