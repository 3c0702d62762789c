package growth

func init() { register(fisher{}) }

// fisher is tiny in the metric of G at the outputs of a site: its neurons do not
// depend on how z is parametrised. The refit knows only the plain metric, so it is
// left to pools.
type fisher struct{}

func (fisher) String() string { return "fisher" }

func (fisher) Stages(c Config) []Stage {
	return []Stage{
		&find{sparing: true},
		&bottleneck{project: true, metric: true},
		&neurons{pool: true},
		&signs{pool: true, unit: true},
		&rank{},
		&refit{poolsOnly: true},
		&scan{},
		&amplitudes{},
		&joint{},
		&together{},
		&insert{},
	}
}
