package coordinator

import (
	"fmt"
	"testing"

	"github.com/tinygrow/tinygrow/coordinator/trainer"
	"github.com/tinygrow/tinygrow/growth"
	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/tensor/nn"
	"github.com/tinygrow/tinygrow/tensor/optim"
)

// One operation is what the coordinator itself does for a step of 1.84 million
// parameters: check and put together the partials of 1 or 8 workers (bytes) or
// take them over (values), add them up, update and hash, copy the weights, and
// encode them once for all workers. B/s counts partials and weights.
func BenchmarkOwnCost(b *testing.B) {
	for _, workers := range []int{1, 8} {
		for _, way := range []string{"bytes", "values"} {
			b.Run(fmt.Sprintf("workers=%d/%s", workers, way), func(b *testing.B) { benchmarkOwnCost(b, workers, way == "values") })
		}
	}
}

func benchmarkOwnCost(b *testing.B, workers int, handed bool) {
	preset, _ := nn.Preset("mlp")
	g, err := nn.Build(preset)
	if err != nil {
		b.Fatal(err)
	}
	s := trainer.Settings{Train: trainer.Default(), Optimizer: optim.Default(), Growth: growth.Default(),
		Data: trainer.Data{Train: 1 << 30}}
	s.Growth.Policy, s.Optimizer.LR, s.Train.Batch = growth.PolicyNone, 1e-6, 32*workers
	train, err := trainer.New(s, nn.Init(g, 1))
	if err != nil {
		b.Fatal(err)
	}
	r, _ := train.Next()
	var shelf shelf
	p := newPartials(proto.Head{Run: "r", Term: 1})
	info := roundInfo{number: 1, microShards: r.MicroShards(), sums: r.Lengths}
	p.open(info)
	messages := make([][][]byte, workers)
	sums := make([]proto.Sums, workers)
	blocks := proto.Root(r.MicroShards()).Cover(1)
	id := func(w int) proto.WorkerID { return proto.WorkerID(fmt.Sprint("w", w)) }
	for w := range workers {
		p.admit(id(w))
		sums[w] = proto.NewSums(r.Lengths)
		sums[w].F64[0], sums[w].F64[1] = 32, 1
		m := proto.PartialChunk{Head: proto.Head{Run: "r", Term: 1}, Worker: id(w), Round: 1, Block: blocks[w]}
		err := proto.SendPartial(m, sums[w], proto.MaxChunk, func(data []byte) error {
			messages[w] = append(messages[w], append([]byte(nil), data...))
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	arrive := func(w int) arrived {
		p.expect(id(w), blocks[w])
		if handed {
			v := sums[w]
			sums[w] = proto.Sums{}
			m := &proto.Partial{Head: proto.Head{Run: "r", Term: 1}, Worker: id(w), Round: 1, Block: blocks[w], Sums: v,
				Return: func(s proto.Sums) { sums[w] = s }}
			a, ok := p.take(proto.Anybody, m)
			if !ok {
				b.Fatal("not taken")
			}
			if sums[w].F32 == nil {
				sums[w] = proto.NewSums(r.Lengths)
			}
			sums[w].F64[0], sums[w].F64[1] = 32, 1
			return a
		}
		for _, data := range messages[w] {
			if a, ok := p.receive(proto.Anybody, data); ok {
				return a
			}
		}
		b.Fatal("incomplete")
		return arrived{}
	}
	var o offer
	var sent int
	b.SetBytes(int64(workers*(4*r.F32+8*r.F64) + 4*r.F32))
	for b.Loop() {
		p.open(info)
		var fold *proto.Fold[proto.Sums]
		adding := addingOf(&r, train)
		fold = proto.NewFold(r.MicroShards(), func(left, right proto.Sums) proto.Sums {
			adding.add(fold.Adding(), left, right)
			p.release(right)
			return left
		})
		for w := range workers {
			a := arrive(w)
			if err := fold.Put(a.block, a.sums); err != nil {
				b.Fatal(err)
			}
		}
		total, _ := fold.Root()
		if _, err := train.Apply(total); err != nil {
			b.Fatal(err)
		}
		p.release(total)
		next, _ := train.Next()
		if o, _, err = o.renew(&next, train, elsewhere{}, shelf.memory); err != nil {
			b.Fatal(err)
		}
		shelf.put(o)
		if !handed {
			_ = proto.SendBlob(proto.BlobChunk{Head: proto.Head{Run: "r", Term: 1}, Key: o.weights.ref.Key}, o.weights.data,
				proto.MaxChunk, func(data []byte) error {
					sent += len(data)
					return nil
				})
		}
	}
}
