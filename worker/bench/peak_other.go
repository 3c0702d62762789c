//go:build !amd64

package bench

func fmaFLOPs() float64 { return 0 }

func fmaLoop(int) {}
