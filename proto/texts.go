package proto

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxPrinted bounds a text that another process wrote, in bytes.
const maxPrinted = 2048

// Printable returns a text that may go to a terminal, a log line or a file
// whoever wrote it: what is no letter, mark, digit, punctuation, symbol or plain
// space stands there as the escape that Go writes for it, so that it can neither
// end a line nor steer a terminal nor turn the direction of reading. A long text is cut.
func Printable(s string) string {
	if len(s) <= maxPrinted && plain(s) {
		return s
	}
	var b strings.Builder
	for at := 0; at < len(s); {
		r, size := utf8.DecodeRuneInString(s[at:])
		piece := s[at : at+size]
		if r == utf8.RuneError && size == 1 || !unicode.IsPrint(r) {
			quoted := strconv.QuoteToGraphic(piece)
			piece = quoted[1 : len(quoted)-1]
		}
		if r != ' ' && unicode.IsSpace(r) && !strings.HasPrefix(piece, `\`) {
			piece = " "
		}
		if b.Len()+len(piece) > maxPrinted-len(cutMark) {
			b.WriteString(cutMark)
			break
		}
		b.WriteString(piece)
		at += size
	}
	return b.String()
}

// cutMark stands where a text was cut.
const cutMark = " ..."

// plain reports whether s needs no change.
func plain(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' {
			return false
		}
	}
	return true
}

// texts are what a message has for people. Decode makes them printable, so that
// whoever decodes it may show them.
func (m *Hello) texts() []*string     { return []*string{&m.Host, &m.Program} }
func (m *Refusal) texts() []*string   { return []*string{&m.Text} }
func (m *Task) texts() []*string      { return []*string{&m.Text} }
func (m *Heartbeat) texts() []*string { return []*string{&m.Text} }
func (m *News) texts() []*string      { return []*string{&m.Text, &m.Holder} }
func (m *Commit) texts() []*string    { return []*string{&m.Holder} }
func (m *Lease) texts() []*string     { return []*string{&m.Holder} }

// printable makes the texts of a message printable.
func printable(m Message) {
	if t, ok := m.(interface{ texts() []*string }); ok {
		for _, s := range t.texts() {
			*s = Printable(*s)
		}
	}
}
