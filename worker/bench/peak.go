package bench

import (
	"sync"
	"time"
)

// Peak measures the most float32 operations a second that the given number of
// threads can do, counting a fused multiply-add as two: independent chains in
// registers for about 50 ms, the best of several tries. It is 0 where no
// measuring loop exists for the machine.
func Peak(threads int) float64 {
	if fmaFLOPs() == 0 {
		return 0
	}
	best := 0.0
	for range 10 {
		const rounds = 200_000
		var wg sync.WaitGroup
		started := time.Now()
		for range threads {
			wg.Go(func() { fmaLoop(rounds) })
		}
		wg.Wait()
		best = max(best, float64(threads)*rounds*fmaFLOPs()/time.Since(started).Seconds())
	}
	return best
}
