package nn

import "fmt"

// word is a field of a Node as files of networks call it, by PyTorch's name.
type word struct {
	name string
	used func(u fields) bool
	// field returns where the value lies: *int, *bool or *float64.
	field func(n *Node) any
	// fill sets what the field is where a file does not say; nil: it must.
	fill func(n *Node)
}

// words are the fields of a Node besides id, operation and inputs, in the order in which
// files are written. A test holds them against Node.
var words = []word{
	{"out", func(u fields) bool { return u.out }, func(n *Node) any { return &n.Out }, nil},
	{"kernel", func(u fields) bool { return u.window }, func(n *Node) any { return &n.Kernel }, nil},
	{"stride", func(u fields) bool { return u.window }, func(n *Node) any { return &n.Stride }, func(n *Node) {
		if n.Stride = 1; n.Op.Role() == Pools {
			n.Stride = n.Kernel
		}
	}},
	{"padding", func(u fields) bool { return u.window }, func(n *Node) any { return &n.Pad }, func(n *Node) { n.Pad = 0 }},
	{"groups", func(u fields) bool { return u.groups }, func(n *Node) any { return &n.Groups }, nil},
	{"bias", func(u fields) bool { return u.bias }, func(n *Node) any { return &n.Bias }, func(n *Node) { n.Bias = true }},
	{"heads", func(u fields) bool { return u.heads }, func(n *Node) any { return &n.Heads }, nil},
	{"scale", func(u fields) bool { return u.heads }, func(n *Node) any { return &n.Scale }, func(n *Node) { n.Scale = 0 }},
	{"rate", func(u fields) bool { return u.rate }, func(n *Node) any { return &n.Rate }, func(n *Node) { n.Rate = 0.5 }},
	{"eps", func(u fields) bool { return u.eps }, func(n *Node) any { return &n.Eps }, func(n *Node) { n.Eps = 1e-5 }},
	{"momentum", func(u fields) bool { return u.momentum }, func(n *Node) any { return &n.Momentum }, func(n *Node) { n.Momentum = 0.1 }},
}

// wordsOf returns the words of an operation.
func wordsOf(op Op) []word {
	var list []word
	known, ok := operations[op]
	for _, w := range words {
		if ok && w.used(known.uses()) {
			list = append(list, w)
		}
	}
	return list
}

// Kind is a kind of layers as files of networks know it.
type Kind struct {
	Op    Op
	Words []string // what it is given, with =VALUE where that is taken if a file does not say
}

// Kinds returns all kinds of layers that files may have, by name.
func Kinds() []Kind {
	var list []Kind
	for _, op := range Ops() {
		if op.Role() == Begins {
			continue
		}
		k := Kind{Op: op}
		for _, w := range wordsOf(op) {
			name := w.name
			if n := (Node{Op: op}); w.fill != nil {
				if w.fill(&n); w.name != "stride" || op.Role() != Pools {
					name += "=" + show(w.field(&n))
				} else {
					name += "=kernel"
				}
			}
			k.Words = append(k.Words, name)
		}
		list = append(list, k)
	}
	return list
}

// written returns a node's value of a word, and whether it is another than a file need say.
func (w *word) written(n *Node) (value string, needed bool) {
	plain := *n
	value = show(w.field(n))
	if w.fill == nil {
		return value, true
	}
	w.fill(&plain)
	return value, show(w.field(&plain)) != value
}

// show writes the value of a field.
func show(field any) string {
	switch v := field.(type) {
	case *int:
		return fmt.Sprint(*v)
	case *bool:
		return fmt.Sprint(*v)
	case *float64:
		return fmt.Sprint(*v)
	default:
		panic("nn: a field of a kind that files cannot write")
	}
}
