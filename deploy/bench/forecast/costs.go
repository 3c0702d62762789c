package forecast

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/tinygrow/tinygrow/coordinator/reduce"
	"github.com/tinygrow/tinygrow/deploy/bench/speed"
	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/proto/bus"
	"github.com/tinygrow/tinygrow/proto/bus/natsserver"
	"github.com/tinygrow/tinygrow/tensor/cputime"
	"github.com/tinygrow/tinygrow/tensor/kernel"
	"github.com/tinygrow/tinygrow/tensor/local"
	"github.com/tinygrow/tinygrow/tensor/nn"
	"github.com/tinygrow/tinygrow/tensor/optim"
)

// Measured is what costs are measured of.
type Measured struct {
	Graph      *nn.Graph
	MicroShard int // samples
	Optimizer  optim.Config
	Time       time.Duration // for each cost, about
}

// Measure measures the costs on this machine, by the program's own code and a NATS server
// on the loopback interface, in processor time. It takes some six times m.Time.
func Measure(ctx context.Context, m Measured) (Costs, error) {
	shard, err := speed.MicroShard(m.Graph, m.MicroShard, 2*m.Time)
	if err != nil {
		return Costs{}, err
	}
	c := Costs{MicroShardMS: shard.Seconds() * 1e3}
	n := m.Graph.NumParams()
	left, right := make([]float32, n), make([]float32, n)
	c.SumNS = perUnit(n, m.Time, func() { kernel.Add(left, left, right) })
	model := nn.Init(m.Graph, 1)
	state := reduce.Shard{Params: model.Params, Opt: optim.New(m.Optimizer, local.LayoutOf(m.Graph))}
	for i := range right {
		right[i] = 1e-3
	}
	c.UpdateNS = perUnit(n, m.Time, func() { state.Update(right, reduce.Step{Scale: 1e-6, LR: 1e-6}) })
	sums := proto.Sums{F32: right, F64: make([]float64, 3)}
	var messages [][]byte
	send := func(keep bool) func(data []byte) error {
		return func(data []byte) error {
			if keep {
				messages = append(messages, append([]byte{}, data...))
			}
			return nil
		}
	}
	head := proto.PartialChunk{Head: proto.Head{V: proto.Version, Run: "plan", Term: 1, Start: "s"}, Worker: "w", Round: 1,
		Block: proto.Block{Hi: 1}}
	if err := proto.SendPartial(head, sums, proto.MaxChunk, send(true)); err != nil {
		return c, err
	}
	c.EncodeNS = perUnit(sums.Size(), m.Time, func() { _ = proto.SendPartial(head, sums, proto.MaxChunk, send(false)) })
	into := proto.Sums{F32: left, F64: make([]float64, 3)}
	c.DecodeNS = perUnit(sums.Size(), m.Time, func() {
		a := proto.AssembleSums(into)
		for _, data := range messages {
			var got proto.PartialChunk
			if proto.Decode(data, &got) == nil {
				_, _ = a.Put(got.Chunk)
			}
		}
		spans := proto.NewSpans(4 * n)
		for i := range spans {
			spans.Hash(i, proto.Bytes32(left))
		}
	})
	return c, c.measureWire(ctx, m.Time)
}

// perUnit returns nanoseconds of processor time for one of n that do does.
func perUnit(n int, d time.Duration, do func()) float64 {
	do()
	began, cpu, times := time.Now(), cputime.Used(), 0
	for ; times < 3 || time.Since(began) < d; times++ {
		do()
	}
	return float64(cputime.Used()-cpu) / float64(times) / float64(n)
}

// measureWire adds what sockets and a server take. Bytes are copied four times, by the
// client that writes, by the server that reads and writes, and by the client that reads:
// so half of it is the server's.
func (c *Costs) measureWire(ctx context.Context, d time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second+4*d)
	defer cancel()
	server, err := natsserver.Start(natsserver.Options{})
	if err != nil {
		return err
	}
	defer server.Stop()
	from, err := bus.Open(bus.Options{URL: server.URL()})
	if err != nil {
		return err
	}
	defer from.Close()
	to, err := bus.Open(bus.Options{URL: server.URL()})
	if err != nil {
		return err
	}
	defer to.Close()
	var got atomic.Int64
	came := make(chan struct{}, 1<<16)
	tensors, err := to.Subscribe("plan.tensors", func(m *bus.Message) { got.Add(int64(len(m.Data))); came <- struct{}{} })
	if err != nil {
		return err
	}
	defer tensors.Close()
	asks, err := to.Subscribe("plan.asks", func(m *bus.Message) { _ = m.Respond(m.Data) })
	if err != nil {
		return err
	}
	defer asks.Close()
	if err := to.Flush(ctx); err != nil {
		return err
	}
	size := proto.ChunkSize(from.MaxPayload())
	data := make([]byte, size)
	began, cpu := time.Now(), cputime.Used()
	for sent := 0; sent < 16 || time.Since(began) < d; sent++ {
		if err := from.Publish("plan.tensors", data); err != nil {
			return err
		}
		select {
		case <-came:
		case <-ctx.Done():
			return fmt.Errorf("a message of %d bytes did not come back on the loopback interface", size)
		}
	}
	perByte := float64(cputime.Used()-cpu) / float64(got.Load())
	c.EncodeNS, c.DecodeNS, c.ServerNS = c.EncodeNS+perByte/4, c.DecodeNS+perByte/4, perByte/2
	ask := make([]byte, small)
	began, cpu = time.Now(), cputime.Used()
	asked := 0
	for ; asked < 16 || time.Since(began) < d; asked++ {
		if _, err := from.Request(ctx, "plan.asks", ask); err != nil {
			return err
		}
	}
	c.ServeUS = float64(cputime.Used()-cpu) / float64(asked) / 1e3
	return nil
}
