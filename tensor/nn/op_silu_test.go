package nn

import (
	"math"
	"testing"
)

func init() {
	activationReferences[OpSiLU] = func(v float64) float64 { return v / (1 + math.Exp(-v)) }
}

func TestSiLUHasTheSameBitsEverywhere(t *testing.T) {
	sameBits(t, "6d11c4ba1a88614c75e2534f3e1856d80eb0cd871161ed21c781f2eb3515675d", siluOp{}.probe())
}
