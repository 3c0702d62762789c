package growth

import (
	"fmt"

	"github.com/tinygrow/tinygrow/growth/measure"
)

func init() { register(zeroOut{}) }

// zeroOut has tiny's incoming weights, and outgoing weights of zero. Its neurons
// are the solver's, or none.
type zeroOut struct{}

func (zeroOut) String() string { return "zero-out" }

func (zeroOut) Stages(c Config) []Stage {
	return []Stage{
		&find{},
		&bottleneck{project: true},
		&neurons{},
		&largest{
			count: func(c *prospect) int { return c.record.Significant },
			value: func(c *prospect) float64 { return float64(c.record.Total) },
			other: "others have more to gain per parameter"},
		&disconnected{},
		&moments{always: true, unit: func(*prospect) bool { return true }},
		&unmeasured{policy: "zero-out", sentence: func(c *prospect) string {
			return fmt.Sprintf("bottleneck %s, outgoing weights zero", percent(float64(c.record.Share)))
		}},
		&insert{},
	}
}

// disconnected gives the sites in the running their best incoming weights alone.
type disconnected struct{}

func (*disconnected) Ask(*State) *Round { return nil }

func (*disconnected) Take(s *State, _ *measure.Sums) {
	for _, c := range s.sites {
		c.both = c.Empty(c.record.Significant)
		for j := range c.both.Count {
			for i, v := range c.neurons.Alpha.RawRowView(j) {
				c.both.Alpha[j*c.Incoming.Rows()+i] = float32(v)
			}
		}
	}
}
