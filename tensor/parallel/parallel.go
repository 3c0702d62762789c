// Package parallel spreads independent work over the processors. It knows
// nothing of what the work is, and keeps no goroutines.
package parallel

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// Each calls f for 0 <= i < n on as many goroutines as there are processors
// and returns when all calls have.
func Each(n int, f func(i int)) {
	goroutines := min(n, runtime.GOMAXPROCS(0))
	if goroutines <= 1 {
		for i := range n {
			f(i)
		}
		return
	}
	var next atomic.Int64
	work := func() {
		for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
			f(i)
		}
	}
	var wg sync.WaitGroup
	for range goroutines - 1 {
		wg.Go(work)
	}
	work()
	wg.Wait()
}
