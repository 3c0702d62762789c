package terminal

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"
)

// on returns a screen on a fake terminal.
func on(f *fake) *Screen { return &Screen{out: f, width: func() int { return f.width }, moves: true} }

func parts(step int) []Part {
	return []Part{
		{Rank: 0, Text: fmt.Sprintf("step %d/3120", step)},
		{Rank: 5, Text: "[==========          ]", Bare: true},
		{Rank: 2, Text: "loss 2.031"},
		{Rank: 3, Text: "accuracy 25 %"},
		{Rank: 4, Text: "2,704 parameters"},
		{Rank: 6, Text: "49,049 samples/s"},
		{Rank: 1, Text: "ETA 1m20s"},
	}
}

func TestProgressFitsEveryWidth(t *testing.T) {
	want := map[int]string{
		minWidth: "step 31",
		20:       "step 3100/3120",
		40:       "step 3100/3120, loss 2.031, ETA 1m20s",
		60:       "step 3100/3120, loss 2.031, accuracy 25 %, ETA 1m20s",
		80:       "step 3100/3120, loss 2.031, accuracy 25 %, 2,704 parameters, ETA 1m20s",
		200:      "step 3100/3120 [==========          ] loss 2.031, accuracy 25 %, 2,704 parameters, 49,049 samples/s, ETA 1m20s",
	}
	for width, line := range want {
		f := newFake(width)
		s := on(f)
		for step := range 101 {
			s.Progress(parts(3000 + step)...)
		}
		if f.text() != line || f.lines != 0 {
			t.Errorf("%d columns: %d new lines, the terminal shows\n%s\nwant\n%s", width, f.lines, f.text(), line)
		}
	}
}

func TestLinesStandAboveTheProgressFoldedAtWords(t *testing.T) {
	f := newFake(40)
	s := on(f)
	s.Progress(parts(1)...)
	s.Line("step 350: conv2 4 -> 12 channels: bottleneck 99.7 %, predicted gain 0.06")
	s.Progress(parts(2)...)
	fmt.Fprintf(s, "time=now level=")
	s.Progress(parts(3)...) // waits for the end of that line
	fmt.Fprintf(s, "WARN\n")
	s.End()
	s.Line("done")
	want := `step 350: conv2 4 -> 12 channels:
  bottleneck 99.7 %, predicted gain 0.06
time=now level=WARN
step 3/3120, loss 2.031, ETA 1m20s
done`
	if f.text() != want {
		t.Errorf("the terminal shows\n%s\nwant\n%s", f.text(), want)
	}
}

func TestNumbersStayWithTheirUnits(t *testing.T) {
	for width := minWidth; width < 40; width++ {
		for _, line := range strings.Split(fold("conv2: bottleneck 99.7 %, accuracy 41 %", width), "\n") {
			if strings.HasPrefix(strings.TrimSpace(line), "%") {
				t.Errorf("%d columns: %q", width, line)
			}
		}
	}
}

func TestResizedInTheMiddle(t *testing.T) {
	f := newFake(200)
	s := on(f)
	s.Line("begins")
	for _, width := range []int{200, 100, 80, 41, 20, 60, 200, 20} {
		f.resize(width)
		for step := range 3 {
			s.Progress(parts(step)...)
		}
	}
	s.Line("ends")
	if f.text() != "begins\nends\nstep 2/3120" {
		t.Errorf("something else is left than one line of progress:\n%s", f.text())
	}
}

func TestWideAndCombiningCharacters(t *testing.T) {
	f := newFake(20)
	s := on(f)
	s.Progress(Part{Text: "ラン 学習 学習 学習 学習"})
	if got, n := f.text(), cells(f.text()); n > 19 || f.lines > 0 {
		t.Errorf("%q takes %d columns and %d new lines", got, n, f.lines)
	}
	s.Line("e\u0301t\u00e9 学習学習 学習学習")
	for _, row := range strings.Split(f.text(), "\n") {
		if cells(row) > 20 {
			t.Errorf("%q is wider than the terminal", row)
		}
	}
}

func TestTextFromElsewhereMovesNoCursor(t *testing.T) {
	var out bytes.Buffer
	New(&out).Line("worker \x1b[2Ja\r\u202eb\x07 left")
	if got, want := out.String(), "worker \\x1b[2Ja\\r\\u202eb\\a left\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// Where the cursor cannot be moved progress is lines of their own, folded like others.
func TestDumbTerminal(t *testing.T) {
	f := newFake(60)
	s := on(f)
	s.moves = false
	s.Progress(parts(7)...)
	s.Progress(parts(8)...)
	s.End()
	for _, row := range strings.Split(f.text(), "\n") {
		if cells(row) > 60 {
			t.Errorf("%q is wider than the terminal", row)
		}
	}
	if n := strings.Count(f.text(), "step "); n != 2 || f.lines != 4 {
		t.Errorf("%d lines of progress in %d rows:\n%s", n, f.lines, f.text())
	}
}

func TestPlainLinesWhereNothingCanBeDrawnOver(t *testing.T) {
	var out bytes.Buffer
	s := New(&out)
	if s.Redraws() {
		t.Error("a buffer is taken for a terminal")
	}
	s.Progress(parts(7)...)
	s.End()
	if got, want := out.String(), compose(parts(7))+"\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if New(s) != s {
		t.Error("a screen on a screen")
	}
	file, err := os.Create(t.TempDir() + "/log")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if New(file).Redraws() {
		t.Error("a file is taken for a terminal")
	}
}
