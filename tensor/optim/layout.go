package optim

// Kind is what parameters do, by which their updates differ.
type Kind uint8

// The kinds.
const (
	Weights    Kind = iota // weights of linear layers, and all of which nothing is known
	Biases                 // biases of layers
	NormScales             // factors of normalisations
	NormBiases             // what normalisations add
	Filters                // weights of convolutions
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

// segment is a stretch of parameters that are updated alike: with the
// coefficients of a kind, or by the direction of a matrix.
type segment struct {
	lo, hi int
	kind   Kind
	matrix *matrix // nil: element by element
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
		}
		if n := len(out); n > 0 && s.matrix == nil && out[n-1].matrix == nil && out[n-1].kind == s.kind {
			out[n-1].hi = s.hi
			continue
		}
		out = append(out, s)
	}
	return out
}

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
func (c Config) decays(k Kind) bool { return c.DecayBiases || k == Weights || k == Filters }

// factor returns what the rate of parameters of a kind is multiplied with.
func (c Config) factor(k Kind) float64 {
	if k == NormBiases {
		return c.NormBiasFactor
	}
	return 1
}
