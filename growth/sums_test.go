package growth

import (
	"testing"

	"github.com/tinygrow/tinygrow/growth/measure"

	"github.com/tinygrow/tinygrow/tensor/nn"
)

// sums runs a request over batches and adds the results in order.
func sums(t *testing.T, m *nn.Model, req *measure.Request, bs []*nn.Batch) []float64 {
	t.Helper()
	job, err := measure.NewJob(m.Graph, req, len(bs[0].Labels))
	if err != nil {
		t.Fatal(err)
	}
	r := job.NewRunner()
	total, one := make([]float64, job.Len()), make([]float64, job.Len())
	for _, b := range bs {
		r.Run(one, m.Params, m.Buffers, b)
		for i, v := range one {
			total[i] += v
		}
	}
	return total
}

// read runs a request over batches and returns what the sums mean.
func read(t *testing.T, m *nn.Model, req *measure.Request, bs []*nn.Batch) *measure.Sums {
	t.Helper()
	s, err := req.Read(m.Graph, sums(t, m, req, bs))
	if err != nil {
		t.Fatal(err)
	}
	return s
}
