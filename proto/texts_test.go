package proto

import (
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func TestPrintableLeavesNothingThatSteers(t *testing.T) {
	for in, want := range map[string]string{
		"host-1 läuft, 100 %":        "host-1 läuft, 100 %",
		"a -> b → c":                 "a -> b → c",
		"a\x1b[2Jb":                  `a\x1b[2Jb`,
		"one\ntwo\r\n":               `one\ntwo\r\n`,
		"\x1b]0;title\x07":           `\x1b]0;title\a`,
		"\u202egnp.exe\u2066x\u200f": `\u202egnp.exe\u2066x\u200f`,
		"\xff\xfe":                   `\xff\xfe`,
		"\u009b31m":                  `\u009b31m`,
		"\u2028next\u00a0x":          `\u2028next x`,
		"tab\tnul\x00del\x7f":        `tab\tnul\x00del\x7f`,
	} {
		if got := Printable(in); got != want {
			t.Errorf("%q became %q, want %q", in, got, want)
		}
	}
	if got := Printable(strings.Repeat("\x1b", 10_000)); len(got) > maxPrinted || !strings.HasSuffix(got, " ...") {
		t.Errorf("%d bytes are left of a long text", len(got))
	}
}

func TestPrintableIsPrintableAndStays(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := Printable(string(rapid.SliceOf(rapid.Byte()).Draw(t, "text")))
		if !utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool {
			return r < ' ' || r >= 0x7f && r < 0xa0 || r >= 0x202a &&
				r <= 0x202e
		}) || Printable(s) != s {
			t.Fatalf("%q", s)
		}
	})
}

// What a message says to people can be shown as it is.
func TestTextsOfMessagesArePrintable(t *testing.T) {
	const rude = "a\x1b[2J\r\nFORGED\u202e\xff"
	want := Printable(rude)
	for _, c := range []struct {
		m, got Message
		text   func(Message) []string
	}{
		{&Hello{Head: head(), Worker: "w", Host: rude, Threads: 1, Program: rude}, new(Hello),
			func(m Message) []string { return []string{m.(*Hello).Host, m.(*Hello).Program} }},
		{&Refusal{Head: head(), Why: NotYet, Text: rude}, new(Refusal), func(m Message) []string { return []string{m.(*Refusal).Text} }},
		{&Task{Head: head(), Do: Wait, Text: rude}, new(Task), func(m Message) []string { return []string{m.(*Task).Text} }},
		{&Heartbeat{Head: head(), Worker: "w", Leave: true, Text: rude}, new(Heartbeat),
			func(m Message) []string { return []string{m.(*Heartbeat).Text} }},
		{&News{Head: head(), Text: rude}, new(News), func(m Message) []string { return []string{m.(*News).Text} }},
		{&Commit{Head: head(), Kind: EndCommit, Holder: rude}, new(Commit),
			func(m Message) []string { return []string{m.(*Commit).Holder} }},
		{&Lease{Head: head(), Holder: rude}, new(Lease), func(m Message) []string { return []string{m.(*Lease).Holder} }},
	} {
		data, err := Marshal(c.m)
		if err != nil {
			t.Fatal(err)
		}
		if err := Decode(data, c.got); err != nil {
			t.Fatalf("%T: %v", c.m, err)
		}
		for _, s := range c.text(c.got) {
			if s != want {
				t.Errorf("%T says %q", c.m, s)
			}
		}
	}
}
