package cputime

import "testing"

func TestUsedGrowsWithWork(t *testing.T) {
	before, x := Used(), uint64(1)
	for i := 0; Used() == before; i++ {
		if i == 1e9 {
			t.Fatalf("still %v of processor time after much work (%d)", before, x)
		}
		x = x*6364136223846793005 + 1
	}
}
