package terminal

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/mattn/go-runewidth"
)

// Part is a piece of a progress line. Where not all fit, those of the highest
// Rank go first.
type Part struct {
	Rank int // 0: the most important
	Text string
	// Bare says that no comma comes before or after.
	Bare bool
}

// compose joins parts to a line.
func compose(parts []Part) string {
	var b strings.Builder
	for i, p := range parts {
		switch {
		case i == 0:
		case p.Bare || parts[i-1].Bare:
			b.WriteString(" ")
		default:
			b.WriteString(", ")
		}
		b.WriteString(p.Text)
	}
	return b.String()
}

// fit joins as many parts as fit into so many columns, the most important
// first, and cuts that one if it does not fit alone.
func fit(parts []Part, columns int) string {
	ranks := make([]int, len(parts))
	for i, p := range parts {
		ranks[i] = p.Rank
	}
	slices.SortFunc(ranks, func(a, b int) int { return cmp.Compare(b, a) })
	line := compose(parts)
	for _, rank := range ranks {
		if cells(line) <= columns || len(parts) == 1 {
			break
		}
		parts = slices.DeleteFunc(slices.Clone(parts), func(p Part) bool { return p.Rank == rank })
		line = compose(parts)
	}
	return runewidth.Truncate(line, columns, "")
}

// fold breaks text between words into lines of at most that many columns, all
// but the first indented. A longer word has a line of its own, and stays whole
// so that it can be copied.
func fold(text string, columns int) string {
	const indent = "  "
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		if i > 0 {
			line = indent + line
		}
		lines[i] = foldLine(line, columns, indent)
	}
	return strings.Join(lines, "\n")
}

func foldLine(line string, columns int, indent string) string {
	if columns < minWidth || cells(line) <= columns {
		return line
	}
	var b strings.Builder
	used := 0
	words := strings.Split(line, " ")
	for i, word := range words {
		width, room := cells(word), columns
		if i+1 < len(words) && strings.HasPrefix(words[i+1], "%") {
			room -= 1 + cells(words[i+1]) // a number stays with its unit
		}
		switch {
		case i == 0:
			used = width
		case used+1+width <= room || strings.HasPrefix(word, "%"):
			b.WriteString(" ")
			used += 1 + width
		default:
			b.WriteString("\n" + indent)
			used = len(indent) + width
		}
		b.WriteString(word)
	}
	return b.String()
}

// visible writes what is neither printable nor the end of a line as Go does in
// quotes, so that no text from elsewhere can move the cursor.
func visible(text string) string {
	hidden := func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }
	if !strings.ContainsFunc(text, hidden) {
		return text
	}
	var b strings.Builder
	for _, r := range text {
		if hidden(r) {
			quoted := strconv.QuoteRune(r)
			b.WriteString(quoted[1 : len(quoted)-1])
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}
