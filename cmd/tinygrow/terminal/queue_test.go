package terminal

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"
)

// TestAStalledPipeHoldsNobody fills a pipe that nobody reads, then reads it.
func TestAStalledPipeHoldsNobody(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	s := New(w)
	line := strings.Repeat("x", 999)
	const n = 3000 // 3 MB: more than pipe and queue take
	for i := range n {
		s.Line(fmt.Sprintf("%d %s", i, line))
		s.Progress(parts(i)...)
	}
	got := make(chan []byte)
	go func() {
		text, _ := io.ReadAll(r)
		got <- text
	}()
	for s.queue.size() > 0 {
		time.Sleep(time.Millisecond)
	}
	s.Line("the reader is back")
	s.Close()
	w.Close()
	text := string(<-got)
	if !strings.HasPrefix(text, "0 xxx") ||
		!strings.HasSuffix(text, "messages were left out here: nobody read them)\nthe reader is back\n") {
		t.Errorf("%d bytes: %.40q ... %q", len(text), text, text[max(0, len(text)-200):])
	}
}

// TestCloseGivesUpAStalledPipe closes a screen whose pipe nobody ever reads.
func TestCloseGivesUpAStalledPipe(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	s := New(w)
	for range 200 {
		s.Line(strings.Repeat("x", 999))
	}
	s.Close() // the test ends only if this does
	r.Close() // lets the queue's goroutine go
	w.Close()
	<-s.queue.done
	s.Line("after the end")
}

// TestWriteErrorsReachNobody writes to a pipe without a reader.
func TestWriteErrorsReachNobody(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	r.Close()
	defer w.Close()
	s := New(w)
	for range 3 {
		if _, err := s.Write([]byte("x\n")); err != nil {
			t.Error(err)
		}
		time.Sleep(10 * time.Millisecond)
	}
	s.Close()
}

// TestQueuesKeepOrder writes through a slow writer.
func TestQueuesKeepOrder(t *testing.T) {
	var out slow
	q := newQueue(&out)
	var want bytes.Buffer
	for i := range 1000 {
		fmt.Fprintf(q, "%d\n", i)
		fmt.Fprintf(&want, "%d\n", i)
	}
	q.close(time.Minute)
	if out.String() != want.String() {
		t.Errorf("got %d bytes, want %d", out.Len(), want.Len())
	}
}

// slow fails at every second write, after having written.
type slow struct {
	bytes.Buffer
	n int
}

func (s *slow) Write(p []byte) (int, error) {
	s.Buffer.Write(p)
	if s.n++; s.n%2 == 0 {
		return 0, errors.New("broken")
	}
	return len(p), nil
}

// size returns how many bytes wait.
func (q *queue) size() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.waiting.Len()
}
