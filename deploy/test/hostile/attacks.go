package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"math"
	"strings"
	"sync"

	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/proto/pause"
)

// attack is what a client with a worker's key does to a run until ctx ends.
type attack struct {
	name, what string
	settings   []string // settings of the run, beside those that all have
	do         func(ctx context.Context, v *victim, c *raw) error
}

var attacks = []attack{
	{"frame", "forged partials in the names of honest workers, all blocks audited", audited, frame},
	{"sybil", "five ids of one key agree on wrong sums, all blocks audited", audited, sybil},
	{"nan", "a member answers with sums that are no numbers", nil, forge(func(s proto.Sums) { s.F32[0] = float32(math.NaN()) })},
	{"counts", "a member answers with a wrong number of samples", nil, forge(func(s proto.Sums) { s.F64[0] *= 2 })},
	{"huge", "a member answers with a gradient of 1e30", nil, forge(func(s proto.Sums) { s.F32[0] = 1e30 })},
	{"deputies", "requests whose replies would delete, purge or write what JetStream keeps", nil, deputies},
	{"pulls", "pulls at full rate", nil, floodPulls},
	{"blobs", "requests for weights at full rate", nil, floodBlobs},
	{"data", "requests for the data set at full rate", nil, floodData},
	{"hellos", "hellos at full rate, of one id and of ever new ones", nil, floodHellos},
	{"beats", "signs of life at full rate", nil, floodBeats},
	{"chunks", "chunks of stale partials at full rate", nil, floodChunks},
	{"hoard", "200 ids take blocks and never send", nil, hoard},
	{"assemblies", "200 ids begin three partials each in every round and finish none", nil, assemblies},
	{"junk", "garbage, escape codes and forged lines on every subject", nil, junk},
	{"loris", "subscribers that never read, and partials that come byte by byte", nil, loris},
}

var audited = []string{"cluster.audit=1"}

// forged returns sums over a block that look right at first sight.
func forged(spec *proto.RoundSpec, b proto.Block, n proto.Lengths) proto.Sums {
	s := proto.NewSums(n)
	for i := b.Lo; i < b.Hi; i++ {
		lo, hi := spec.Range(i)
		s.F64[0] += float64(hi - lo)
	}
	s.F64[1] = 2 * s.F64[0]
	return s
}

// each pulls tasks of gradient rounds and hands them to do with the lengths of their sums.
func (m *member) each(ctx context.Context, do func(t proto.Task, n proto.Lengths)) error {
	graph, n := "", proto.Lengths{}
	for {
		t, err := m.pull(ctx)
		if err != nil {
			return err
		}
		if t.Spec.Kind != proto.Gradient {
			continue
		}
		if t.Spec.Graph.Key != graph {
			if n, err = m.lengths(ctx, t.Spec); err != nil {
				return err
			}
			graph = t.Spec.Graph.Key
		}
		do(t, n)
	}
}

func frame(ctx context.Context, v *victim, c *raw) error {
	m, err := v.join(ctx, c, "mallory")
	if err != nil {
		return err
	}
	return m.each(ctx, func(t proto.Task, n proto.Lengths) {
		for _, size := range []uint32{4, 2, 8} {
			for i, b := range proto.Root(t.Spec.MicroShards()).Cover(size) {
				if i < 16 {
					for _, w := range v.Honest {
						_, id, _ := strings.Cut(string(w), ".")
						for _, k := range []proto.Key{c.key, w.Key()} {
							m.forge(k, proto.WorkerID(id), &t.Spec, b, forged(&t.Spec, b, n))
						}
					}
				}
			}
		}
	})
}

func sybil(ctx context.Context, v *victim, c *raw) error {
	var group sync.WaitGroup
	for _, m := range v.multiply(ctx, c, "mallory", 5) {
		group.Go(func() {
			_ = m.each(ctx, func(t proto.Task, n proto.Lengths) { // ends with its connection, as the attack does
				m.partial(&t, forged(&t.Spec, t.Block, n))
			})
		})
	}
	group.Wait()
	return ctx.Err()
}

// forge answers tasks with sums that spoil changes.
func forge(spoil func(s proto.Sums)) func(ctx context.Context, v *victim, c *raw) error {
	return func(ctx context.Context, v *victim, c *raw) error {
		for n := 0; ; n++ { // each time under a new name
			m, err := v.join(ctx, c, proto.WorkerID(fmt.Sprintf("mallory-%d", n)))
			if err != nil {
				return err
			}
			err = m.each(ctx, func(t proto.Task, n proto.Lengths) {
				s := forged(&t.Spec, t.Block, n)
				spoil(s)
				m.partial(&t, s)
			})
			if ctx.Err() != nil {
				return err
			}
		}
	}
}

// deputies names what it must not touch as the place for replies.
func deputies(ctx context.Context, v *victim, c *raw) error {
	m, err := v.join(ctx, c, "mallory")
	if err != nil {
		return err
	}
	targets := []inbox{"$JS.API.STREAM.DELETE." + dataStream, "$JS.API.STREAM.PURGE." + dataStream,
		"$O." + dataStore + ".M.planted", "$O." + dataStore + ".C.planted",
		"$JS.API.STREAM.DELETE." + foreignLog, inbox(foreignRun.LogSubject()), inbox(foreignRun.LeaseSubject()),
		inbox(v.Run.LeaseSubject()), inbox(v.Run.LogSubject()), inbox(v.Run.WeightsSubject()), inbox(v.Run.NewsSubject())}
	for ctx.Err() == nil {
		for _, reply := range targets {
			c.publish("$JS.API.DIRECT.GET."+dataStream, reply, []byte(`{"seq":1}`))
			c.publish("$JS.API.DIRECT.GET."+dataStream, reply, []byte(`{"seq":2}`))
			c.publish(v.Run.DataSubject(c.key), reply, encode(&proto.DataRequest{Head: proto.Head{Run: v.Run}, Fetch: true}))
			c.publish(v.Run.JoinSubject(c.key), reply, encode(m.hello("other data")))
			c.publish(v.Run.BlobSubject(c.key), reply, encode(&proto.BlobRequest{Head: m.head, Worker: m.id, Key: "none"}))
			c.publish(v.Run.PullSubject(c.key), reply, encode(&proto.Pull{Head: m.head, Worker: "nobody", Seq: m.seq}))
		}
		if err := c.flush(); err != nil {
			return err
		}
		_ = pause.For(ctx, batch)
	}
	return ctx.Err()
}

// hoard takes blocks and never sends.
func hoard(ctx context.Context, v *victim, c *raw) error {
	var group sync.WaitGroup
	for _, m := range v.multiply(ctx, c, "hoarder", 200) {
		group.Go(func() {
			for ctx.Err() == nil {
				_, _ = m.pull(ctx)
			}
		})
	}
	group.Wait()
	return ctx.Err()
}

// assemblies begins partials by one byte each.
func assemblies(ctx context.Context, v *victim, c *raw) error {
	list := v.multiply(ctx, c, "beginner", 200)
	if len(list) == 0 {
		return errors.New("nobody was admitted")
	}
	return list[0].each(ctx, func(t proto.Task, n proto.Lengths) {
		size := int64(n.Size())
		for _, m := range list {
			for i := range uint32(3) {
				c.publish(v.Run.PartialSubject(c.key), "",
					encode(&proto.PartialChunk{Head: m.head, Worker: m.id, Round: t.Spec.Round, Block: proto.Block{Lo: i, Hi: i + 1},
						Chunk: proto.Chunk{Size: size, Data: []byte{1}}}))
			}
		}
		_ = c.flush()
	})
}

// forgedLine is what junk tries to write into the log as a line of its own.
const forgedLine = "FORGED LINE: all is well"

// rude is a text that means harm to who prints it.
const rude = "a\x1b[2J\x1b]0;owned\x07b\r\n" + forgedLine + "\n\u202egnp.exe \xff\xfe"

func junk(ctx context.Context, v *victim, c *raw) error {
	m, err := v.join(ctx, c, "mallory")
	if err != nil {
		return err
	}
	noise := make([]byte, 300)
	for n := 0; ctx.Err() == nil; n++ {
		rand.Read(noise)
		for _, subject := range []string{v.Run.JoinSubject(c.key), v.Run.DataSubject(c.key), v.Run.PullSubject(c.key),
			v.Run.BeatSubject(c.key), v.Run.BlobSubject(c.key), v.Run.PartialSubject(c.key)} {
			c.publish(subject, c.inbox+".0", noise)
			c.publish(subject, "", []byte{})
		}
		h := m.hello("other data")
		h.Worker, h.Host, h.Program = proto.WorkerID(fmt.Sprintf("w%d", n)), rude, rude
		c.publish(v.Run.JoinSubject(c.key), c.inbox+".0", encode(h))
		c.publish(v.Run.BeatSubject(c.key), "",
			encode(&proto.Heartbeat{Head: m.head, Worker: m.id, Nonce: m.nonce, Leave: true, Text: rude}))
		digest, err := v.digest(ctx, c)
		if err != nil {
			continue
		}
		h = m.hello(digest)
		h.Host, h.Program = rude, rude
		c.publish(v.Run.JoinSubject(c.key), c.inbox+".0", encode(h))
		if err := c.flush(); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// loris holds connections that are never read, and lets a partial trickle.
func loris(ctx context.Context, v *victim, c *raw) error {
	for i := range 20 {
		deaf, err := dial(v.Key, true)
		if err != nil {
			return err
		}
		defer deaf.conn.Close()
		deaf.send(fmt.Sprintf("SUB %s %d\r\nSUB %s %d\r\n", v.Run.WeightsSubject(), i+1, v.Run.NewsSubject(), i+100), nil)
		if err := deaf.flush(); err != nil {
			return err
		}
	}
	m, err := v.join(ctx, c, "loris")
	if err != nil {
		return err
	}
	return m.each(ctx, func(t proto.Task, n proto.Lengths) {
		size := int64(n.Size())
		for at := int64(0); at < 50 && ctx.Err() == nil; at++ {
			c.publish(v.Run.PartialSubject(c.key), "",
				encode(&proto.PartialChunk{Head: m.head, Worker: m.id, Round: t.Spec.Round, Block: t.Block,
					Chunk: proto.Chunk{Size: size, Offset: 2 * at, Data: []byte{1}}}))
			_ = c.flush()
			_ = pause.For(ctx, batch)
		}
	})
}
