package coordinator

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/tinygrow/tinygrow/coordinator/checkpoint"
	"github.com/tinygrow/tinygrow/coordinator/lead"
	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/proto/bus"
)

// upload is a checkpoint on its way to the object store.
type upload struct {
	bundle *checkpoint.Bundle
	state  lead.State
	mark   uint64 // number of the record at which the commit log stands
	name   string
	keep   []string // what others may still need
	took   time.Duration
	err    error
}

// interval is the time between two checkpoints. With a commit log the steps
// since the newest one are part of what a takeover takes: then checkpoints come
// once a second, unless saving them would hold the run up for more than a
// fiftieth of the time, or uploading them go on for more than a tenth.
func (s *server) interval() time.Duration {
	every := s.job.Config.Checkpoint.Every
	if s.job.Lead == nil {
		return every
	}
	return min(every, max(time.Second, 50*s.store.took, 10*s.uploadTook))
}

func objectName(term proto.Term, step proto.Step) string {
	return fmt.Sprintf("term-%d-step-%d", term, step)
}

// upload hands the checkpoint that was just saved to the uploader, if that is
// idle; while it is not, the next checkpoint will do.
func (s *server) upload() error {
	if s.job.Lead == nil || s.uploading {
		return nil
	}
	b, err := s.store.dir.Bundle(s.store.last)
	if err != nil {
		return err
	}
	s.uploading = true
	s.uploads <- upload{bundle: b, state: s.core.state(), mark: s.core.ledger.Mark(), name: objectName(s.store.term, b.Step), keep: s.inLog}
	return nil
}

// writeObjects uploads checkpoints until ctx ends.
func (s *server) writeObjects(ctx context.Context) {
	for {
		select {
		case u := <-s.uploads:
			began := time.Now()
			u.err = errors.Join(putBundle(ctx, s.job.Lead.Objects(), u), u.bundle.Close())
			u.took = time.Since(began)
			s.push(input{uploaded: &u})
		case <-ctx.Done():
			return
		}
	}
}

// dropUpload closes what writeObjects did not come to.
func (s *server) dropUpload() {
	select {
	case u := <-s.uploads:
		u.bundle.Close()
	default:
	}
}

// putBundle makes room, then writes the bundle of u.
func putBundle(ctx context.Context, objects bus.Objects, u upload) error {
	if err := sweep(ctx, objects, u); err != nil {
		return err
	}
	return putWritten(ctx, objects, u.name, u.bundle.Write)
}

// portion is how many bytes are handed to the store at once: it syncs each.
const portion = 128 << 10

// putWritten puts what write writes.
func putWritten(ctx context.Context, objects bus.Objects, name string, write func(io.Writer) error) error {
	r, w := io.Pipe()
	written := make(chan struct{})
	go func() {
		defer close(written)
		out := bufio.NewWriterSize(w, portion)
		w.CloseWithError(errors.Join(write(out), out.Flush()))
	}()
	err := objects.Put(ctx, name, r)
	r.CloseWithError(errors.Join(err, io.ErrClosedPipe)) // lets the writer go
	<-written
	return err
}

// sweep deletes what no record that counts names: uploads that were overtaken
// or cut short. Those of later terms are another coordinator's.
func sweep(ctx context.Context, objects bus.Objects, u upload) error {
	names, err := objects.Names(ctx)
	if err != nil {
		return err
	}
	var own proto.Term
	var step proto.Step
	if _, err := fmt.Sscanf(u.name, "term-%d-step-%d", &own, &step); err != nil {
		return fmt.Errorf("object %q: %w", u.name, err)
	}
	for _, name := range names {
		var term proto.Term
		if _, err := fmt.Sscanf(name, "term-%d-step-%d", &term, &step); err != nil || term > own || name == u.keep[0] || name == u.keep[1] {
			continue
		}
		if err := objects.Delete(ctx, name); err != nil {
			return err
		}
	}
	return nil
}

// uploaded takes the end of an upload. The log names the checkpoint now.
func (s *server) uploaded(u upload) {
	s.uploading, s.uploadTook = false, u.took
	if u.err != nil {
		s.events.Trouble(fmt.Sprintf("the checkpoint of step %d is on this disk only, a standby that does not share it makes more "+
			"steps again: %v", u.state.Step, u.err))
		return
	}
	if s.core.stored(u.state, u.name, u.mark) {
		s.inLog = []string{u.name, s.inLog[0]}
	}
}
