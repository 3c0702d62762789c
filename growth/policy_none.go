package growth

// PolicyNone never grows.
const PolicyNone = "none"

func init() { register(none{}) }

type none struct{}

func (none) String() string { return PolicyNone }

func (none) Stages(Config) []Stage { return nil }
