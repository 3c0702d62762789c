package fetch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/proto/bus"
)

// errGone is returned when the coordinator has no file of that key any more.
var errGone = errors.New("the coordinator hands out another file")

// inFlight is how many pieces are asked for at a time: enough for a gigabit at a
// round trip of 15 ms, and no more than the coordinator answers in a moment.
const inFlight = 4

// pieceTimeout bounds the wait for one piece: the coordinator drops what it has
// no time for.
const pieceTimeout = 5 * time.Second

// pieces reads a file of the coordinator, from its first byte to its last. A
// piece that does not come is asked for again, by whichever coordinator leads then.
type pieces struct {
	client *Client
	ctx    context.Context
	bus    bus.Bus
	file   proto.FileRef

	at     int64 // next byte to read
	next   int64 // the first byte that was not asked for
	step   int64 // bytes of a piece; 0 before the first
	coming []coming
	have   []byte
	group  sync.WaitGroup
}

// coming is a piece that was asked for.
type coming struct {
	offset int64
	piece  chan arrival
}

type arrival struct {
	chunk proto.Chunk
	err   error
}

// readFile returns a reader of file. What it asks for ends with ctx, and group
// says when.
func (c *Client) readFile(ctx context.Context, b bus.Bus, file proto.FileRef) *pieces {
	return &pieces{client: c, ctx: ctx, bus: b, file: file}
}

// Read reads what has come, or waits for the next piece.
func (p *pieces) Read(out []byte) (int, error) {
	if p.at == p.file.Size {
		return 0, io.EOF
	}
	if len(p.have) == 0 {
		if err := p.fill(); err != nil {
			return 0, err
		}
	}
	n := copy(out, p.have)
	p.have, p.at = p.have[n:], p.at+int64(n)
	return n, nil
}

// fill takes the next piece, and asks for those after it.
func (p *pieces) fill() error {
	p.order()
	first := p.coming[0]
	p.coming = p.coming[1:]
	a := <-first.piece
	if a.err != nil {
		return a.err
	}
	p.have = a.chunk.Data
	n := int64(len(p.have))
	switch {
	case p.step == 0:
		p.step, p.next = n, n
	case n > p.step: // the rest was asked for as another piece
		p.have = p.have[:p.step]
	case n < p.step && p.at+n < p.file.Size: // another coordinator cuts smaller ones
		p.step, p.next, p.coming = n, p.at+n, nil
	}
	p.order()
	return nil
}

// order asks for as many pieces as may be under way: one before the size of a
// piece is known.
func (p *pieces) order() {
	for len(p.coming) < inFlight && p.next < p.file.Size && (p.step > 0 || len(p.coming) == 0) {
		c := coming{p.next, make(chan arrival, 1)}
		p.group.Go(func() {
			chunk, err := p.client.piece(p.ctx, p.bus, p.file, c.offset)
			c.piece <- arrival{chunk, err}
		})
		p.coming = append(p.coming, c)
		p.next += max(p.step, 1)
	}
}

// piece asks for the piece at offset for as long as it takes.
func (c *Client) piece(ctx context.Context, b bus.Bus, file proto.FileRef, offset int64) (proto.Chunk, error) {
	data, err := proto.Marshal(&proto.FileRequest{Head: proto.Head{Run: c.Run}, Key: file.Key, Offset: offset})
	if err != nil {
		return proto.Chunk{}, err
	}
	for {
		m, err := c.pieceOnce(ctx, b, data)
		switch {
		case ctx.Err() != nil:
			return proto.Chunk{}, context.Cause(ctx)
		case errors.Is(err, bus.ErrClosed), errors.Is(err, bus.ErrForbidden):
			return proto.Chunk{}, err
		case err == nil && m.Gone:
			if err := c.again(ctx, b, file); err != nil {
				return proto.Chunk{}, err
			}
			continue
		case err == nil && (m.Key != file.Key || m.Size != file.Size):
			return proto.Chunk{}, fmt.Errorf("%w: it answers with another file than it was asked for", ErrRefused)
		case err == nil && m.Offset == offset && len(m.Data) > 0:
			return m.Chunk, nil
		}
		c.Alive("waiting for a piece of the data set")
		if err := c.pause(ctx); err != nil {
			return proto.Chunk{}, err
		}
	}
}

// again waits until a coordinator has a file ready, after another one took the
// run up, and returns errGone if that has other bytes.
func (c *Client) again(ctx context.Context, b bus.Bus, file proto.FileRef) error {
	offer, err := c.ask(ctx, b, proto.DataRequest{Fetch: true})
	if err == nil && offer.File != file {
		err = errGone
	}
	return err
}

func (c *Client) pieceOnce(ctx context.Context, b bus.Bus, request []byte) (m proto.FileChunk, err error) {
	ctx, cancel := context.WithTimeout(ctx, min(c.Answer, pieceTimeout))
	defer cancel()
	answer, err := b.Request(ctx, c.Run.FileSubject(c.Key), request)
	if err != nil {
		return m, err
	}
	return m, proto.Decode(answer, &m)
}
