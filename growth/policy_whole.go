package growth

func init() { register(whole{}) }

// whole is tiny with neurons for the whole desired update V, not for the part
// V_proj that the existing weights cannot express.
type whole struct{}

func (whole) String() string { return "whole" }

func (whole) Stages(c Config) []Stage {
	return []Stage{
		&find{sparing: true},
		&bottleneck{},
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
