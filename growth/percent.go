package growth

import (
	"fmt"
	"math"
	"slices"
)

// percent writes a part of 1 with one decimal, and with more where one would
// make all or nothing of it.
func percent(part float64) string {
	if part <= 0 || part >= 1 || math.IsNaN(part) {
		return fmt.Sprintf("%.0f %%", 100*part)
	}
	decimals := 1
	for nearest := float64(100 * min(part, 1-part)); nearest < 0.5*math.Pow10(-decimals) && decimals < 9; {
		decimals++
	}
	return fmt.Sprintf("%.*f %%", decimals, 100*part)
}

// Bottleneck tells which part of the desired update the site cannot express,
// or - where an event of that policy did not measure it.
func (s *SiteRecord) Bottleneck(policy string) string {
	if s.Desired == 0 || !measuresBottleneck(policy) {
		return "-"
	}
	return percent(float64(s.Share))
}

// measuresBottleneck reports whether that is a stage of the policy.
func measuresBottleneck(policy string) bool {
	p, known := policies[policy]
	return known && slices.ContainsFunc(p.Stages(Default()), func(s Stage) bool {
		_, ok := s.(*bottleneck)
		return ok
	})
}
