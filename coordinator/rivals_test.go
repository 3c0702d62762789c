package coordinator

import (
	"errors"
	"strings"
	"testing"

	"github.com/tinygrow/tinygrow/coordinator/lead"
	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/proto/bus"
)

func rival(start proto.Start, since int64, change func(n *proto.News)) *rivals {
	r := newRivals(Job{Run: "r", Dir: "/runs/" + string(start)}, start, func(*proto.News) {})
	r.self.Since = since
	r.leads(proto.Head{Run: "r", Term: 1, Start: start})
	if change != nil {
		change(&r.self)
	}
	return r
}

// exchange lets two starts hear of each other, by turns, and returns which give way.
func exchange(a, b *rivals) (aGoes, bGoes error) {
	for range 3 {
		of := a.self
		if _, err := b.hear(&of); err != nil {
			bGoes = err
		}
		of = b.self
		if _, err := a.hear(&of); err != nil {
			aGoes = err
		}
	}
	return aGoes, bGoes
}

// Of two starts exactly one gives way: who claims to who leads, else the later
// one, whichever speaks first.
func TestOneOfTwoStartsGivesWay(t *testing.T) {
	claiming := func(n *proto.News) { n.Claims = true }
	logged := func(n *proto.News) { n.Logged = true }
	for name, pair := range map[string]func() (stays, goes *rivals){
		"the later one":               func() (stays, goes *rivals) { return rival("b", 1, nil), rival("a", 2, nil) },
		"one that claims":             func() (stays, goes *rivals) { return rival("b", 2, nil), rival("a", 1, claiming) },
		"the later of two that claim": func() (stays, goes *rivals) { return rival("b", 1, claiming), rival("a", 2, claiming) },
		"one of the same time":        func() (stays, goes *rivals) { return rival("a", 1, nil), rival("b", 1, nil) },
		"one with a log, the later":   func() (stays, goes *rivals) { return rival("b", 1, nil), rival("a", 2, logged) },
	} {
		stays, goes := pair()
		x, y := exchange(stays, goes)
		again, gone := pair()
		v, u := exchange(gone, again)
		if x != nil || u != nil || !errors.Is(y, lead.ErrHeld) || !errors.Is(v, lead.ErrHeld) ||
			!strings.Contains(y.Error(), stays.self.Holder) {
			t.Errorf("%s: %v and %v, spoken to first %v and %v", name, x, y, u, v)
		}
	}
}

// Late news of a start that is gone, of another run, and of the start itself end nobody;
// nor do those of another with a log where this one has one, or of one that says goodbye.
func TestNewsThatEndNobody(t *testing.T) {
	logged := func(n *proto.News) { n.Logged = true }
	for name, c := range map[string]struct {
		self *rivals
		news *proto.News
	}{
		"late":          {rival("b", 2, nil), &rival("a", 1, nil).self},
		"for another":   {rival("b", 2, nil), &rival("a", 1, func(n *proto.News) { n.Heard = "c" }).self},
		"its own":       {rival("b", 2, nil), &rival("b", 1, func(n *proto.News) { n.Heard = "b" }).self},
		"another run's": {rival("b", 2, nil), &rival("a", 1, func(n *proto.News) { n.Run, n.Heard = "s", "b" }).self},
		"of a log":      {rival("b", 2, logged), &rival("a", 1, func(n *proto.News) { n.Logged, n.Heard = true, "b" }).self},
		"of nobody":     {rival("b", 2, nil), &proto.News{Head: proto.Head{Run: "r"}, Heard: "b"}},
	} {
		if _, err := c.self.hear(c.news); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	var said []proto.News
	r := rival("a", 1, func(n *proto.News) { n.Heard = "b" })
	r.tell = func(n *proto.News) { said = append(said, *n) }
	r.end(false, "the coordinator stops")
	if _, err := rival("b", 2, nil).hear(&said[0]); err != nil || said[0].Ended {
		t.Errorf("a goodbye: %v, %+v", err, said[0])
	}
}

// No news makes a coordinator fall over, and no number of them makes two starts
// that know of each other talk without end.
func FuzzNews(f *testing.F) {
	for _, n := range []*proto.News{&rival("a", 1, nil).self, &rival("c", 3, func(n *proto.News) { n.Heard = "b" }).self,
		{Head: proto.Head{Run: "r", Start: "d"}, Claims: true}} {
		data, err := proto.Marshal(n)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		answers := 0
		r := rival("b", 2, nil)
		r.tell = func(*proto.News) { answers++ }
		for range 3 {
			r.onNews(&bus.Message{Data: data})
		}
		if answers > 3 || r.self.Start != "b" || r.self.Claims {
			t.Errorf("%d answers, says %+v", answers, r.self)
		}
	})
}
