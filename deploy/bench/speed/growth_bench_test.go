package speed

import "testing"

// BenchmarkGrowth measures the statistics and the solving at all sites, over
// 2,048 samples on one thread.
func BenchmarkGrowth(b *testing.B) {
	for _, model := range []string{"mlp-64", "conv-16-32", "resnet18-16"} {
		b.Run(model, func(b *testing.B) {
			c := GrowthConfig{Models: []string{model}, Samples: 2048, Threads: 1, MicroShard: 32}
			for range b.N {
				err := Growth(b.Context(), c, func(r GrowthResult) {
					b.ReportMetric(r.CPUS-r.PlainCPUS, "beyond-cpu-s")
					b.ReportMetric(r.SolveS, "solve-s")
				})
				if err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
