package terminal

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/mattn/go-runewidth"
	"golang.org/x/term"
)

// minWidth is the fewest columns in which a line is drawn over in place.
const minWidth = 8

// clear removes the progress line: the cursor stands at its beginning, also
// after the terminal has folded it into several rows because it became narrow.
const clear = "\r\x1b[J"

// Screen writes to a terminal, a pipe or a file. It is safe for use by several
// goroutines.
type Screen struct {
	mu     sync.Mutex
	out    io.Writer
	queue  *queue     // what out is if it writes to a file
	width  func() int // columns at the moment; 0: unknown
	moves  bool       // the cursor can be moved
	parts  []Part     // the progress line; nil after End
	drawn  bool       // it stands there, the cursor at its beginning
	inLine bool       // what was written last did not end its line
}

// New returns a Screen on out, or out itself if it is one. Nobody waits for a
// file: what is written to it goes through a queue until Close.
func New(out io.Writer) *Screen {
	if s, ok := out.(*Screen); ok {
		return s
	}
	s := &Screen{out: out, width: columns(out), moves: movable(os.Getenv)}
	if file, ok := out.(*os.File); ok {
		s.queue = newQueue(file)
		s.out = s.queue
	}
	return s
}

// lastWords bounds the wait of Close.
const lastWords = 2 * time.Second

// Close writes what waits in the queue to a file; it gives up one that stalls.
func (s *Screen) Close() {
	if s.queue != nil {
		s.queue.close(lastWords)
	}
}

// movable reports whether a terminal of this environment moves its cursor when
// told to. Users of NO_COLOR want text without control sequences.
func movable(env func(string) string) bool {
	return env("TERM") != "" && env("TERM") != "dumb" && env("NO_COLOR") == ""
}

// columns returns how to ask for the width of a terminal.
func columns(out io.Writer) func() int {
	file, ok := out.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) {
		return func() int { return 0 }
	}
	return func() int {
		w, _, err := term.GetSize(int(file.Fd()))
		if err != nil {
			return 0
		}
		return w
	}
}

// Terminal reports whether a person can look at what is written.
func (s *Screen) Terminal() bool { return s.width() > 0 }

// Redraws reports whether Progress draws over the line that stands there
// instead of writing a new one.
func (s *Screen) Redraws() bool { return s.moves && s.width() >= minWidth }

// Write writes text above the progress line as it is.
func (s *Screen) Write(text []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(text) == 0 {
		return 0, nil
	}
	if err := s.clear(); err != nil {
		return 0, err
	}
	s.inLine = !bytes.HasSuffix(text, []byte("\n"))
	n, err := s.out.Write(text)
	if err == nil && s.Redraws() {
		s.draw()
	}
	return n, err
}

// Line writes a line above the progress line, folded between words where the
// terminal is narrower. Characters
// that cannot be printed are made visible.
func (s *Screen) Line(text string) {
	fmt.Fprintln(s, fold(visible(text), s.width()))
}

// Progress shows how far the work is: as much as fits into one line, drawn over
// the one before, or all of it in a line of its own.
func (s *Screen) Progress(parts ...Part) {
	for i := range parts {
		parts[i].Text = visible(parts[i].Text)
	}
	if !s.Redraws() {
		s.Line(compose(parts))
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.parts = parts
	s.draw()
}

// draw draws the progress line, if there is one. The last column stays free:
// there some terminals begin a new row. The lock is held.
func (s *Screen) draw() {
	if s.inLine || s.parts == nil {
		return
	}
	fmt.Fprint(s.out, clear+fit(s.parts, s.width()-1)+"\r")
	s.drawn = true
}

// End leaves the progress line where it is and goes on below it.
func (s *Screen) End() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.drawn {
		fmt.Fprintln(s.out)
	}
	s.parts, s.drawn = nil, false
}

// clear removes the progress line. The lock is held.
func (s *Screen) clear() error {
	if !s.drawn {
		return nil
	}
	s.drawn = false
	_, err := io.WriteString(s.out, clear)
	return err
}

// cells is the number of columns that text takes.
func cells(text string) int { return runewidth.StringWidth(text) }
