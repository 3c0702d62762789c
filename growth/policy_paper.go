package growth

func init() { register(paper{}) }

// paper is algorithm 1 of [tiny]: one site after the other grows, up to target
// widths (Widths or MaxWidth), by amplitudes on both sides of its neurons, without
// a refit, and with no gate but that the loss must fall.
type paper struct{}

func (paper) String() string { return "paper" }

func (paper) Stages(c Config) []Stage {
	return []Stage{
		&find{sparing: true},
		&turn{name: "round_robin"},
		&bottleneck{project: true},
		&neurons{},
		&signs{},
		&rank{},
		&scan{},
		&amplitudes{},
		&joint{},
		&insert{},
	}
}

// start takes away what the paper has not: the gate, and limits on how little is left to
// train with and how often nothing grows.
func (paper) start(c *Config) { c.Gate = false }

// fix leaves as little of the ridge as keeps neurons off inputs that are almost dead,
// whose weights would never turn again.
func (paper) fix(f *Fixed) { f.Ridge = leastRidge }
