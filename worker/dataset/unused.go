package dataset

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Unused is what lies in the directory of a set and counts for nothing, of one kind.
type Unused struct {
	What  string `json:"what"`
	Count int    `json:"count"`
	// Examples are the first by name, relative to the directory.
	Examples []string `json:"examples"`
}

// Bounds of what is told of what counts for nothing.
const (
	maxExamples = 3
	maxKinds    = 20
)

const otherKinds = "files of still other endings, which are not read"

// unused collects what counts for nothing.
type unused []Unused

// add counts n things of a kind, the first of which is called example.
func (u *unused) add(what string, n int, example string) {
	i := slices.IndexFunc(*u, func(k Unused) bool { return k.What == what })
	if i < 0 && len(*u) >= maxKinds {
		what = otherKinds
		i = slices.IndexFunc(*u, func(k Unused) bool { return k.What == what })
	}
	if i < 0 {
		*u = append(*u, Unused{What: what})
		i = len(*u) - 1
	}
	k := &(*u)[i]
	k.Count += n
	if len(k.Examples) < maxExamples {
		k.Examples = append(k.Examples, example)
	}
}

// sorted returns the kinds, the most frequent first.
func (u unused) sorted() []Unused {
	list := append([]Unused{}, u...)
	slices.SortFunc(list, func(a, b Unused) int { return cmp.Or(b.Count-a.Count, strings.Compare(a.What, b.What)) })
	return list
}

// String says what it is, how many there are, and names a few.
func (u Unused) String() string {
	var names []string
	for _, e := range u.Examples {
		names = append(names, shown(e))
	}
	text := fmt.Sprintf("%d %s: %s", u.Count, u.What, strings.Join(names, ", "))
	if u.Count > len(u.Examples) {
		text += ", ..."
	}
	return text
}

// shown returns a name as it may be printed: quoted if it could move the cursor,
// forge a line or be taken for something else.
func shown(name string) string {
	quoted := strconv.Quote(name)
	if quoted == `"`+name+`"` {
		return name
	}
	return quoted
}

// Unused returns what lies in the directory of the set and counts for nothing, the
// most frequent kind first.
func (s *Set) Unused() []Unused { return s.unused.sorted() }

// Notes says in one line what Verify tells at length: how the set was read, what counts for
// nothing and what is wrong with samples, which are not looked through if they are on disk. It is
// empty if there is nothing to say.
func (s *Set) Notes() string {
	var parts []string
	all, list := 0, s.Unused()
	for _, u := range list {
		all += u.Count
	}
	if all > 0 {
		u := list[0]
		text := fmt.Sprintf("%d %s (%s)", u.Count, u.What, shown(u.Examples[0]))
		if more := all - u.Count; more > 0 {
			text += fmt.Sprintf(" and %d others", more)
		}
		parts = append(parts, "count for nothing: "+text)
	}
	if s.packed == nil {
		found, _ := s.warnings() // samples in memory are read without error
		parts = append(parts, found...)
	}
	const most = 2
	if more := len(parts) - most; more > 0 {
		parts = append(parts[:most], fmt.Sprintf("and %d more warnings", more))
	}
	return strings.Join(append(slices.Clone(s.said), parts...), "; ")
}
