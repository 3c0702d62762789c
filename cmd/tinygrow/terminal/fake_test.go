package terminal

import (
	"strings"
	"unicode/utf8"
)

// fake is a terminal that folds long lines, as most do, and keeps all rows.
type fake struct {
	width    int
	rows     [][]string // cells; a wide character takes two, the second empty
	row, col int
	lines    int // line feeds and folds so far
}

func newFake(width int) *fake { return &fake{width: width, rows: [][]string{nil}} }

func (f *fake) Write(p []byte) (int, error) {
	text := string(p)
	for text != "" {
		switch {
		case strings.HasPrefix(text, "\x1b[J"):
			f.rows = append(f.rows[:f.row], f.rows[f.row][:min(f.col, len(f.rows[f.row]))])
			text = text[3:]
			continue
		case text[0] == '\r':
			f.col = 0
		case text[0] == '\n':
			f.down()
		default:
			r, n := utf8.DecodeRuneInString(text)
			f.put(string(r))
			text = text[n:]
			continue
		}
		text = text[1:]
	}
	return len(p), nil
}

func (f *fake) down() {
	f.row, f.col = f.row+1, 0
	f.lines++
	for len(f.rows) <= f.row {
		f.rows = append(f.rows, nil)
	}
}

func (f *fake) put(c string) {
	width := cells(c)
	if f.col+width > f.width {
		f.down()
	}
	for len(f.rows[f.row]) < f.col+width {
		f.rows[f.row] = append(f.rows[f.row], " ")
	}
	if width == 0 {
		return
	}
	f.rows[f.row][f.col] = c
	for i := 1; i < width; i++ {
		f.rows[f.row][f.col+i] = ""
	}
	f.col += width
}

// resize folds the row of the cursor anew, which stays at its character.
func (f *fake) resize(width int) {
	f.width = width
	line, rest := f.rows[f.row], f.rows[f.row+1:]
	at := f.row
	f.rows = f.rows[:at:at]
	for len(line) > width {
		f.rows, line = append(f.rows, line[:width]), line[width:]
	}
	f.rows = append(append(f.rows, line), rest...)
	f.row, f.col = at+f.col/width, f.col%width
}

// text is what stands on the terminal.
func (f *fake) text() string {
	var b strings.Builder
	for _, row := range f.rows {
		b.WriteString(strings.TrimRight(strings.Join(row, ""), " ") + "\n")
	}
	return strings.TrimRight(b.String(), "\n")
}
