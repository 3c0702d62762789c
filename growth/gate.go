package growth

import (
	"fmt"
	"math"
)

// Gate says what the gain that is measured must be at least: Significance standard
// errors, Price for each new parameter, and ComputePrice times the part of a
// sample's FLOPs that would be theirs. With a Significance of 0 nor must lambdas
// stand out from noise or derivatives beat their errors.
type Gate struct {
	Significance float64 `json:"significance"`
	Price        float64 `json:"price"`
	ComputePrice float64 `json:"compute_price"`
}

// sure reports whether what is kept must be more than chance.
func (g Gate) sure() bool { return g.Significance > 0 }

// gate asks that the gain of the neurons beats its noise and pays for their
// parameters and computation.
func (s *State) gate(r *TrialRecord) {
	set, gain := s.fixed.Gate, float64(r.Gain)
	price := float64(set.Price * float64(r.Params))
	part := float64(r.FLOPs) / math.Max(float64(s.Record.FLOPsBefore+r.FLOPs), 1)
	large := s.tooLarge(s.Record.ParamsBefore+r.Params, s.Record.FLOPsBefore+r.FLOPs)
	switch {
	case large != "":
		r.Reason = large
	case r.Gain <= 0:
		r.Reason = "no amplitude lowers the loss"
	case gain < set.Significance*float64(r.Error):
		r.Reason = fmt.Sprintf("gain %.3g is below %g standard errors of %.3g", gain, set.Significance, float64(r.Error))
	case gain < price:
		r.Reason = fmt.Sprintf("gain %.3g does not pay for %d parameters at %g each", gain, r.Params, set.Price)
	case gain < set.ComputePrice*part:
		r.Reason = fmt.Sprintf("gain %.3g does not pay for %s of the computation at %g for all of it", gain, percent(part),
			set.ComputePrice)
	default:
		r.Passed = true
		r.Reason = fmt.Sprintf("gain %.3g is %.1f standard errors", gain, gain/math.Max(float64(r.Error), 1e-300))
	}
}
