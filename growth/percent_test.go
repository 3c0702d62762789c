package growth

import "testing"

func TestPercentMakesNeitherAllNorNothingOfAPart(t *testing.T) {
	for part, want := range map[float64]string{0: "0 %", 1: "100 %", 0.5: "50.0 %", 0.004: "0.4 %", 0.0004: "0.04 %", 0.00002: "0.002 %",
		0.997: "99.7 %", 0.9996: "99.96 %", 0.99997: "99.997 %", 0.9994: "99.9 %"} {
		if got := percent(part); got != want {
			t.Errorf("%v: %s, want %s", part, got, want)
		}
	}
}

// A site whose statistics were not gathered has no bottleneck of 0 %.
func TestBottleneckThatWasNotMeasured(t *testing.T) {
	measured, waiting := &SiteRecord{Desired: 2, Psi2: 1, Share: 0.5}, &SiteRecord{Reason: "not its turn", Waits: true}
	for policy, want := range map[string]string{PolicyTiny: "50.0 %", "zero-out": "50.0 %", PolicyGradMax: "-", PolicyRandom: "-"} {
		if got := measured.Bottleneck(policy); got != want {
			t.Errorf("%s: %s, want %s", policy, got, want)
		}
	}
	if got := waiting.Bottleneck(PolicyTiny); got != "-" {
		t.Errorf("of a site that waits: %s", got)
	}
}
