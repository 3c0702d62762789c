package speed

import (
	"sync"
	"time"

	"github.com/tinygrow/tinygrow/tensor/kernel"
)

// Peak measures the most float32 operations a second that the given number of
// threads can do with the kernels' instruction set, counting a fused
// multiply-add as two: chains in registers, the best of several short tries.
func Peak(threads int) float64 {
	best, rounds := 0.0, 1000
	for end := time.Now().Add(300 * time.Millisecond); time.Now().Before(end); {
		work := make([]float64, threads)
		var wg sync.WaitGroup
		started := time.Now()
		for i := range work {
			wg.Go(func() { work[i] = kernel.FMALoop(rounds) })
		}
		wg.Wait()
		took := time.Since(started)
		if took < 10*time.Millisecond {
			rounds *= 2 // too short to see past the start of the goroutines
			continue
		}
		best = max(best, float64(threads)*work[0]/took.Seconds())
	}
	return best
}
