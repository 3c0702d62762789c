package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/proto/pause"
	"github.com/tinygrow/tinygrow/tensor/nn"
)

// victim is the run that is attacked, and what the attacker got of it.
type victim struct {
	Run    proto.RunID
	Key    access
	Honest []proto.WorkerID // names with their keys, as the coordinator calls them
	Window time.Duration
}

// member is an id that the attacker goes by.
type member struct {
	conn  *raw
	head  proto.Head
	id    proto.WorkerID
	nonce proto.Nonce
	seq   uint64
	last  uint64
}

func encode(m proto.Message) []byte {
	data, err := proto.Marshal(m)
	if err != nil {
		panic(err) // what this program says can be encoded
	}
	return data
}

// digest asks for that of the run's data set, as a worker without one does.
func (v *victim) digest(ctx context.Context, c *raw) (string, error) {
	answer, err := c.request(ctx, v.Run.DataSubject(c.key), encode(&proto.DataRequest{Head: proto.Head{Run: v.Run}}), 5*time.Second)
	if err != nil {
		return "", err
	}
	var offer proto.DataOffer
	if err := proto.Decode(answer, &offer); err != nil {
		return "", err
	}
	return offer.Set.Digest, nil
}

// join makes the attacker a member by that name.
func (v *victim) join(ctx context.Context, c *raw, id proto.WorkerID) (*member, error) {
	digest, err := v.digest(ctx, c)
	if err != nil {
		return nil, err
	}
	m := &member{conn: c, id: id, nonce: proto.NewNonce(), head: proto.Head{Run: v.Run}, seq: uint64(time.Now().UnixNano())}
	answer, err := c.request(ctx, v.Run.JoinSubject(c.key), encode(m.hello(digest)), 5*time.Second)
	if err != nil {
		return nil, err
	}
	var welcome proto.Welcome
	if err := proto.Decode(answer, &welcome); err != nil {
		return nil, fmt.Errorf("%s was not admitted: %w", id, err)
	}
	m.head = welcome.Head
	return m, nil
}

func (m *member) hello(digest string) *proto.Hello {
	return &proto.Hello{Head: m.head, Worker: m.id, Nonce: m.nonce, Host: "elsewhere-" + string(m.id), Threads: 1, Data: digest,
		Fingerprint: nn.Fingerprint(), Program: "tinygrow"}
}

// multiply joins by n names at once and keeps them alive until ctx ends.
func (v *victim) multiply(ctx context.Context, c *raw, name string, n int) []*member {
	var mu sync.Mutex
	var list []*member
	var group sync.WaitGroup
	for i := range n {
		group.Go(func() {
			m, err := v.join(ctx, c, proto.WorkerID(fmt.Sprintf("%s-%d", name, i)))
			if err != nil {
				return
			}
			mu.Lock()
			list = append(list, m)
			mu.Unlock()
		})
	}
	group.Wait()
	go func() {
		for ctx.Err() == nil {
			for _, m := range list {
				m.beat()
			}
			_ = c.flush()
			_ = pause.For(ctx, time.Second)
		}
	}()
	return list
}

func (m *member) beat() {
	m.conn.publish(m.head.Run.BeatSubject(m.conn.key), "", encode(&proto.Heartbeat{Head: m.head, Worker: m.id, Nonce: m.nonce}))
}

func (m *member) nextPull() []byte {
	m.seq++
	return encode(&proto.Pull{Head: m.head, Worker: m.id, Nonce: m.nonce, Seq: m.seq, Last: m.last})
}

// pull asks for a task until it gets one.
func (m *member) pull(ctx context.Context) (proto.Task, error) {
	for {
		var t proto.Task
		answer, err := m.conn.request(ctx, m.head.Run.PullSubject(m.conn.key), m.nextPull(), 5*time.Second)
		if err == nil {
			err = proto.Decode(answer, &t)
		}
		if err == nil && t.Do == proto.Compute {
			m.last = max(m.last, t.Task)
			return t, nil
		}
		if ctx.Err() != nil {
			return t, ctx.Err()
		}
		if err == nil && t.Do == proto.Rejoin {
			return t, fmt.Errorf("%s is no member any more", m.id)
		}
	}
}

// blob fetches what a task refers to.
func (m *member) blob(ctx context.Context, ref proto.BlobRef) ([]byte, error) {
	var data []byte
	for int64(len(data)) < ref.Size {
		answer, err := m.conn.request(ctx, m.head.Run.BlobSubject(m.conn.key),
			encode(&proto.BlobRequest{Head: m.head, Worker: m.id, Key: ref.Key, Offset: int64(len(data))}), 5*time.Second)
		if err != nil {
			return nil, err
		}
		var c proto.BlobChunk
		if err := proto.Decode(answer, &c); err != nil {
			return nil, err
		}
		if c.Gone || len(c.Data) == 0 {
			return nil, fmt.Errorf("%s is gone", ref.Key)
		}
		data = append(data, c.Data...)
	}
	return data, nil
}

// lengths returns those of the sums of a gradient round.
func (m *member) lengths(ctx context.Context, spec proto.RoundSpec) (proto.Lengths, error) {
	data, err := m.blob(ctx, spec.Graph)
	if err != nil {
		return proto.Lengths{}, err
	}
	g, err := nn.ParseGraph(data)
	if err != nil {
		return proto.Lengths{}, err
	}
	p, err := nn.Compile(g, int(spec.MicroShard), nn.Options{})
	if err != nil {
		return proto.Lengths{}, err
	}
	return proto.Lengths{F32: g.NumParams(), F64: p.SumsLen()}, nil
}

// partial answers a task with sums.
func (m *member) partial(t *proto.Task, s proto.Sums) { m.forge(m.conn.key, m.id, &t.Spec, t.Block, s) }

// forge sends sums over a block in the name of a worker, below the name of a key.
func (m *member) forge(k proto.Key, as proto.WorkerID, r *proto.RoundSpec, b proto.Block, s proto.Sums) {
	head := proto.PartialChunk{Head: m.head, Worker: as, Round: r.Round, Block: b, Inputs: r.Inputs(r.Graph.Digest, r.Weights.Digest,
		r.Request.Digest)}
	_ = proto.SendPartial(head, s, proto.MaxChunk, func(data []byte) error {
		m.conn.publish(m.head.Run.PartialSubject(k), "", data)
		return nil
	})
	_ = m.conn.flush()
}
