package coordinator

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"sync"

	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/proto/bus"
)

// handout is the data set as a file for workers that have none: the packed file that it is
// read from, or else one that is written once somebody asks for it, below the run directory and under no name, so that
// it goes with this process.
type handout struct {
	dir    string
	asked  chan struct{} // holds one while the file is to be written
	pieces chan piece    // asked for; more wait on a desk

	mu   sync.Mutex
	ref  proto.FileRef // without a key: not yet
	err  error         // why the last try failed
	file *os.File      // used by serveData alone
}

// piece is a request for a piece of the file.
type piece struct {
	request *proto.FileRequest
	message *bus.Message
}

func newHandout(dir string) *handout {
	return &handout{dir: dir, asked: make(chan struct{}, 1), pieces: make(chan piece)}
}

// ask returns the file, and has it written if there is none.
func (h *handout) ask() (ref proto.FileRef, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.ref.Key == "" {
		poke(h.asked)
	}
	return h.ref, h.err
}

func (h *handout) done(ref proto.FileRef, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ref, h.err = ref, err
}

// onData tells a worker what the data set is, and where it gets it.
func (s *server) onData(_ proto.Key, m *bus.Message) {
	r := new(proto.DataRequest)
	switch err := proto.Decode(m.Data, r); {
	case errors.Is(err, proto.ErrVersion):
		reply(m, &proto.Refusal{Head: s.head(), Why: proto.OtherVersion, Text: err.Error() + ": use the same build on both sides"})
	case err == nil && r.Run == s.store.run:
		reply(m, s.offerData(r))
	}
}

func (s *server) offerData(r *proto.DataRequest) proto.Message {
	offer := &proto.DataOffer{Head: s.head(), Set: s.job.Data.Set}
	if !r.Fetch {
		return offer
	}
	if s.job.Data.Pack == nil {
		return &proto.Refusal{Head: s.head(), Why: proto.NoData,
			Text: "the coordinator hands its data set out to nobody: give the worker --data and --data-dir"}
	}
	ref, err := s.handout.ask()
	switch {
	case ref.Key != "":
		offer.File = ref
		return offer
	case err != nil:
		return &proto.Refusal{Head: s.head(), Why: proto.NotYet,
			Text: fmt.Sprintf("the coordinator cannot pack the data set yet: %.1000s", err)}
	}
	return &proto.Refusal{Head: s.head(), Why: proto.NotYet, Text: "the coordinator is packing the data set"}
}

// onFile hands a request for a piece of the file over to serveData.
func (s *server) onFile(_ proto.Key, m *bus.Message) {
	r := new(proto.FileRequest)
	if proto.Decode(m.Data, r) != nil || r.Run != s.store.run {
		return
	}
	select {
	case s.handout.pieces <- piece{r, m}:
	case <-s.done:
	}
}

// serveData writes the file when it is asked for, and hands out one piece after
// another, until ctx ends. It has a goroutine of its own: steps do not wait for it.
func (s *server) serveData(ctx context.Context) {
	h := s.handout
	defer func() {
		if h.file != nil {
			h.file.Close()
		}
	}()
	buffer := make([]byte, proto.ChunkSize(s.bus.MaxPayload()))
	for {
		select {
		case <-h.asked:
			if h.file == nil {
				h.done(s.packData(ctx))
			}
		case p := <-h.pieces:
			reply(p.message, s.pieceOf(p.request, buffer))
		case <-ctx.Done():
			return
		}
	}
}

// pieceOf reads what a request asks for.
func (s *server) pieceOf(r *proto.FileRequest, buffer []byte) *proto.FileChunk {
	h := s.handout
	answer := &proto.FileChunk{Head: s.head(), Key: r.Key, Gone: true}
	if h.file == nil || r.Key != h.ref.Key || r.Offset > h.ref.Size {
		return answer
	}
	n, err := h.file.ReadAt(buffer[:min(int64(len(buffer)), h.ref.Size-r.Offset)], r.Offset)
	if err != nil && err != io.EOF {
		return answer
	}
	answer.Gone, answer.Chunk = false, proto.Chunk{Size: h.ref.Size, Offset: r.Offset, Data: buffer[:n]}
	return answer
}

// packData writes the data set to a file. Its key names the set and the bytes:
// another coordinator's file of that key is the same.
func (s *server) packData(ctx context.Context) (ref proto.FileRef, err error) {
	if ref, err = s.packedData(); err != nil || ref.Key != "" {
		return ref, err
	}
	f, err := os.CreateTemp(s.handout.dir, ".data-*")
	if err != nil {
		return ref, err
	}
	sum := crc32.New(crc32.MakeTable(crc32.Castagnoli))
	out := bufio.NewWriterSize(&untilDone{ctx, io.MultiWriter(f, sum)}, proto.MaxChunk)
	err = errors.Join(os.Remove(f.Name()), s.job.Data.Pack(out), out.Flush())
	size, seek := f.Seek(0, io.SeekCurrent)
	if err = errors.Join(err, seek); err != nil {
		return ref, errors.Join(err, f.Close())
	}
	s.handout.file = f
	return s.fileRef(sum.Sum32(), size), nil
}

// packedData takes the file that the data set is read from, if that is what is handed out.
func (s *server) packedData() (ref proto.FileRef, err error) {
	if s.job.Data.Packed == nil {
		return ref, nil
	}
	f, sum, err := s.job.Data.Packed()
	if err != nil || f == nil {
		return ref, err
	}
	info, err := f.Stat()
	if err != nil {
		return ref, errors.Join(err, f.Close())
	}
	s.handout.file = f
	return s.fileRef(sum, info.Size()), nil
}

// fileRef names the file of the data set.
func (s *server) fileRef(sum uint32, size int64) proto.FileRef {
	set := s.job.Data.Set
	return proto.FileRef{Key: fmt.Sprintf("%s-%s-%08x", set.Name, set.Digest, sum), Size: size}
}

// untilDone writes until ctx ends.
type untilDone struct {
	ctx context.Context
	io.Writer
}

func (w *untilDone) Write(p []byte) (int, error) {
	if w.ctx.Err() != nil {
		return 0, w.ctx.Err()
	}
	return w.Writer.Write(p)
}
