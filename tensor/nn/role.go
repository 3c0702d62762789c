package nn

// Role is what an operation does with channels. Growth finds by it where
// neurons can be added, and asks for nothing else.
type Role int

// The roles.
const (
	// Begins is the input's: its channels are given.
	Begins Role = iota + 1
	// Mixes is a layer's: each output channel is made of all input channels by
	// weights of its own, so a layer can gain outputs and inputs.
	Mixes
	// Scales is a normalisation's: each channel passes by itself and has
	// parameters and running statistics of its own.
	Scales
	// Couples is that of whatever makes what becomes of a channel depend on others in a way
	// of its own: a normalisation over channels, groups of channels, channels of
	// several inputs side by side. A new channel would change what becomes of the others.
	Couples
	// Activates is that of a function of each value by itself that is not linear.
	Activates
	// Offsets is that of a function of each value by itself that is not zero at zero: a
	// channel of zeros is none of zeros behind it.
	Offsets
	// Filters is that of a layer whose output channels are each made of positions
	// of one input channel, by weights of its own.
	Filters
	// Pools brings positions of each channel together.
	Pools
	// Passes hands all on as it is.
	Passes
	// Joins adds several inputs: what is added to one has to be added to all.
	Joins
	// Gates multiplies several inputs channel by channel: all have the same channels.
	Gates
	// Attends makes the channels of a head of those of the same head of each input, Node.Heads heads one
	// behind the other: a new channel of one would move all others, a new head behind the last moves none.
	Attends
)

// Role returns the role of an operation, 0 for none of that name.
func (o Op) Role() Role {
	if op, ok := operations[o]; ok {
		return op.role()
	}
	return 0
}

// Activation describes an activation function f.
type Activation struct {
	// Homogeneous: f(a x) = a f(x) for a > 0.
	Homogeneous bool
	// Flat: the derivative at zero is zero, so that nothing which is zero learns.
	Flat bool
	// Idempotent: f(f(x)) = f(x).
	Idempotent bool
	// Halves: about half of a centred input's mean square passes, so that weights
	// in front of it start larger (He).
	Halves bool
}

// activates is implemented by operations whose role is Activates.
type activates interface{ activation() Activation }

// Activation returns what is known of the function of an operation whose role
// is Activates, and false for others.
func (o Op) Activation() (Activation, bool) {
	if a, ok := operations[o].(activates); ok {
		return a.activation(), true
	}
	return Activation{}, false
}

// Activations returns the operations whose role is Activates, by name.
func Activations() []Op {
	var out []Op
	for _, op := range Ops() {
		if op.Role() == Activates {
			out = append(out, op)
		}
	}
	return out
}
