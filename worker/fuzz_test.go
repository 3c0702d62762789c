package worker

import (
	"testing"

	"github.com/tinygrow/tinygrow/growth"
	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/proto/bus"
	"github.com/tinygrow/tinygrow/tensor/nn"
)

// FuzzBroadcast takes two chunks of weights, as a coordinator that means harm
// could send them.
func FuzzBroadcast(f *testing.F) {
	f.Add("weights-1", int64(16), int64(0), []byte("01234567"), "weights-1", int64(16), int64(8), []byte("89abcdef"))
	f.Add("weights-2", int64(16), int64(0), []byte("01234567"), "weights-1", int64(8), int64(0), []byte("89abcdef"))
	f.Add("weights-1", int64(7), int64(3), []byte("0123"), "weights-1", int64(16), int64(3), []byte("0123"))
	b := bus.NewHub(0).Connect()
	defer b.Close()
	f.Fuzz(func(t *testing.T, key1 string, size1, offset1 int64, data1 []byte, key2 string, size2, offset2 int64, data2 []byte) {
		in := newBlobs(&client{cfg: Config{Run: "r", ID: "w"}.withDefaults(), bus: b})
		head := proto.Head{Run: "r", Term: 1, Start: "s"}
		in.reset(head)
		for _, m := range []proto.BlobChunk{
			{Key: key1, Chunk: proto.Chunk{Size: size1 % (1 << 20), Offset: offset1, Data: data1}},
			{Key: key2, Chunk: proto.Chunk{Size: size2 % (1 << 20), Offset: offset2, Data: data2}},
		} {
			m.Head = head
			data, err := proto.Marshal(&m)
			if err != nil {
				return
			}
			in.receive(&bus.Message{Data: data})
		}
		if c := in.current; c != nil && c.whole() && c.got != int64(4*len(c.values)) {
			t.Errorf("%d bytes of %d make it whole", c.got, 4*len(c.values))
		} else if c != nil && c.whole() && c.got > 0 && c.digest() != proto.DigestOf(proto.Bytes32(c.values)) {
			t.Errorf("digest %s of other weights", c.digest())
		}
	})
}

// FuzzGrowthRequest compiles what may be a growth request, for a network of two layers.
func FuzzGrowthRequest(f *testing.F) {
	g, err := nn.Build(nn.ModelConfig{Name: "mlp", Input: nn.Shape{C: 4, H: 1, W: 1}, Classes: 3, Widths: []int{5}, Norm: "batch"})
	if err != nil {
		f.Fatal(err)
	}
	sites := growth.Sites(g)
	for _, r := range []growth.Request{
		{Kind: growth.KindUpdate, Sites: []growth.SiteRequest{{Site: sites[0].ID}}},
		{Kind: growth.KindNeurons, Sites: []growth.SiteRequest{{Site: sites[0].ID, Metric: true}}},
		{Kind: growth.KindAmplitude, Candidates: []growth.Candidate{{Amplitudes: []float64{1}}}},
	} {
		data, err := proto.MarshalBlob(&r)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var r growth.Request
		if proto.UnmarshalBlob(data, &r) != nil {
			return
		}
		if j, err := growth.NewJob(g, &r, 8); err == nil && j.Len() < 4 {
			t.Errorf("a job of %d sums", j.Len())
		}
	})
}
