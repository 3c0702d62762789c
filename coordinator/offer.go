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
	values []float32 // the weights that data says
	memory []float32 // of values and data
	users  *int      // count of users of memory that will be used again, else nil; see shelf
}

func newBlob(key string, data []byte) blob {
	return blob{ref: proto.BlobRef{Key: key, Size: int64(len(data)), Digest: proto.DigestOf(data)}, data: data}
}

// offer is all that workers need for a round.
type offer struct{ graph, weights, request, plan blob }

// weightsKey is the key of weights. They ascend with the state of the network, and with
// the deals of its ranges: steps that are made again after another deal have later ones.
func weightsKey(deal uint64, step proto.Step, g proto.Generation, turn string) string {
	dealt := ""
	if deal > 0 {
		dealt = fmt.Sprintf("r%08d-", deal) // behind all digits
	}
	return fmt.Sprintf("weights-%s%012d-%08d%s", dealt, step, g, turn)
}

// elsewhere is what a core knows of weights that it may not have.
type elsewhere struct {
	deal uint64
	// told, if it has a key, are weights that others broadcast.
	told proto.BlobRef
	away bool // the trainer has not the numbers of the weights
}

// renew returns the offer for round r, keeping what is still true, and sets
// r's references. Keys of weights ascend with the state of the network. memory
// returns so many values. inputs identifies all that the sums of the round follow from.
func (o offer) renew(r *trainer.Round, t *trainer.Trainer, e elsewhere, memory func(n int) []float32) (next offer, inputs proto.Digest,
	err error) {
	if key := fmt.Sprintf("graph-%d", r.Generation); o.graph.ref.Key != key {
		o.graph = newBlob(key, t.Model().Graph.JSON())
	}
	w := t.Weights()
	switch key := weightsKey(e.deal, r.Step, r.Generation, w.Turn); {
	case e.away && e.told.Key != key:
		panic("coordinator: nobody has the weights " + key)
	case e.away:
		o.weights = blob{ref: e.told}
	case o.weights.ref.Key == key && o.weights.data != nil:
	case w.Wire.Half():
		o.weights = roundedOf(w, key, memory)
	default:
		o.weights = weightsOf(w, key, memory)
	}
	o.request = blob{}
	if r.Request != nil {
		data, err := proto.MarshalBlob(r.Request)
		if err != nil {
			return offer{}, inputs, fmt.Errorf("encode the growth request: %w", err)
		}
		key := fmt.Sprintf("request-%d", r.Round)
		if r.Kind != proto.Growth { // the same for all steps of a generation
			key = fmt.Sprintf("riding-%d", r.Generation)
		}
		o.request = newBlob(key, data)
	}
	o.plan = blob{}
	if r.Plan != nil {
		o.plan = newBlob(fmt.Sprintf("plan-%d", r.Round), r.Plan.JSON())
		r.Local.Plan = o.plan.ref
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
	return blob{ref: proto.BlobRef{Key: key, Size: int64(len(data)), Digest: spans.Digest()}, data: data, values: values, memory: values,
		users: shelved()}
}

// roundedOf returns a copy of a model's parameters, rounded, once as they travel and once as they are
// computed with. The spans are those of what travels, two of the values'.
func roundedOf(w trainer.Weights, key string, memory func(n int) []float32) blob {
	round, params := trainer.Rounding(w.Wire), w.Model.Params
	n := len(params)
	all := memory(n + (n+1)/2)
	values, halves := all[:n], proto.Halves(all[n:])[:n]
	data := proto.Bytes16(halves)
	spans := proto.NewSpans(len(data))
	parallel.Each(len(spans), func(i int) {
		lo, hi := spans.Range(i, data)
		lo, hi = lo/2, hi/2
		round.Pack(halves[lo:hi], params[lo:hi])
		round.Unpack(values[lo:hi], halves[lo:hi])
		spans.Hash(i, data)
	})
	return blob{ref: proto.BlobRef{Key: key, Size: int64(len(data)), Digest: spans.Digest()}, data: data, values: values, memory: all,
		users: shelved()}
}

// shelved returns a count of users: the shelf.
func shelved() *int {
	users := 1
	return &users
}
