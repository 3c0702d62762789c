//go:build !amd64

package kernel

// Without assembly the Go loops do all the work.

func normSIMD(y, x, k []float32, relu bool) bool                   { return false }
func normAddSIMD(y, x, skip, k []float32, relu bool) bool          { return false }
func momentsSIMD(s, q, x, k []float32) bool                        { return false }
func normSumsSIMD(s, q, dy, x, k []float32, relu bool) bool        { return false }
func normBackwardSIMD(dx, dy, x, k []float32, relu bool) bool      { return false }
func normMaxPoolSIMD(y, x, k []float32, w Window, blocks int) bool { return false }
func normMaxPoolSumsSIMD(s, q, dy, x, k []float32, w Window) bool  { return false }
func normMaxPoolBackwardSIMD(dx, dy, x, k []float32, w Window, blocks int) bool {
	return false
}
func sgdSIMD(param, grad, velocity []float32, k SGDCoefs) int { return 0 }
func adamWSIMD(param, grad, m, v []float32, k AdamCoefs) int  { return 0 }
func raiseSIMD(m, v []float32) int                            { return 0 }
func claimSIMD(dx, rest, x, m []float32) int                  { return 0 }
func addScaledSIMD(y, x []float32, scale *float32) int        { return 0 }
