package optim

import "fmt"

// Kind is what parameters do, by which their updates differ.
type Kind uint8

// The kinds.
const (
	Weights    Kind = iota // weights of linear layers, and all of which nothing is known
	Biases                 // biases of layers
	NormScales             // factors of normalisations
	NormBiases             // what normalisations add
	Filters                // weights of convolutions
	Undecayed              // parameters of no kind above that never decay
	kinds
)

// Tensor is a stretch of the parameters that belong together.
type Tensor struct {
	Kind Kind
	Len  int
	Rows int // outputs of Filters, each of which has Len / Rows weights
	// Normed: of Filters: batch normalisation follows at once, so that their scale
	// changes nothing.
	Normed bool
	// Births, of weights and filters of a network that grew, may tell when they were
	// born; their last stretches end with the outputs and with the weights of one.
	Births *Births
}

// Layout tells what the parameters are, one tensor after another.
type Layout []Tensor

// Plain is a layout of n values of which nothing is known.
func Plain(n int) Layout { return Layout{{Len: n}} }

// Len returns the number of parameters.
func (l Layout) Len() int {
	n := 0
	for _, t := range l {
		n += t.Len
	}
	return n
}

// Validate tells what is wrong with the layout of at most n parameters that came from outside, or
// returns nil.
func (l Layout) Validate(n int) error {
	for i, t := range l {
		switch {
		case t.Len < 0 || t.Len > n:
			return fmt.Errorf("tensor %d of %d values: there are %d left", i, t.Len, n)
		case t.Kind >= kinds:
			return fmt.Errorf("tensor %d is of kind %d: there are %d", i, t.Kind, kinds)
		case t.Rows < 0 || t.Rows > 0 && t.Len%t.Rows != 0:
			return fmt.Errorf("tensor %d of %d values has %d rows", i, t.Len, t.Rows)
		case t.Births != nil && !t.Births.Cover(t.Len):
			return fmt.Errorf("tensor %d: its births are not of its %d weights", i, t.Len)
		}
		n -= t.Len
	}
	return nil
}

// segment is a stretch of parameters that are updated alike: with the
// coefficients of a kind, or by the direction of a matrix.
type segment struct {
	lo, hi int
	kind   Kind
	matrix *matrix // nil: element by element
	groups *groups // nil: with one rate
}

// segments returns what updates of c differ in, and joins neighbours that they
// do not part.
func (l Layout) segments(c Config) []segment {
	var out []segment
	at := 0
	for _, t := range l {
		s := segment{lo: at, hi: at + t.Len, kind: c.treated(t.Kind)}
		at = s.hi
		if c.Name == Muon && t.Kind == Filters && t.Rows > 0 && t.Len > 0 {
			s.matrix = newMatrix(t)
		} else if c.Births == VarianceTransfer {
			s.groups = newGroups(t.Births)
		}
		if n := len(out); n > 0 && s.plain() && out[n-1].plain() && out[n-1].kind == s.kind {
			out[n-1].hi = s.hi
			continue
		}
		out = append(out, s)
	}
	return out
}

// plain reports whether nothing has to be known of the segment before its update.
func (s *segment) plain() bool { return s.matrix == nil && s.groups == nil }

// treated returns the first kind that c treats as it does k.
func (c Config) treated(k Kind) Kind {
	for other := range k {
		if c.decays(other) == c.decays(k) && c.factor(other) == c.factor(k) {
			return other
		}
	}
	return k
}

// decays reports whether weight decay acts on parameters of a kind.
func (c Config) decays(k Kind) bool {
	return c.DecayBiases && k != Undecayed || k == Weights || k == Filters
}

// factor returns what the rate of parameters of a kind is multiplied with.
func (c Config) factor(k Kind) float64 {
	if k == NormBiases {
		return c.NormBiasFactor
	}
	return 1
}
