package growth

// PolicyTiny is the policy of [tiny]: neurons that open the bottleneck, amplitude
// by search, a gate that may refuse.
const PolicyTiny = "tiny"

func init() { register(tiny{}) }

type tiny struct{}

func (tiny) String() string { return PolicyTiny }

func (tiny) Stages(c Config) []Stage {
	return []Stage{
		&find{sparing: true},
		&bottleneck{project: true},
		&neurons{pool: true},
		&signs{pool: true, unit: true},
		&rank{},
		&refit{},
		&scan{},
		&amplitudes{},
		&joint{},
		&together{},
		&insert{},
	}
}
