package growth

import (
	"sync"

	"github.com/tinygrow/tinygrow/tensor/nn"
)

// header is how many sums precede those of each kind of round: samples, sum of
// losses, correct samples, micro-shards.
const header = 4

// Job computes the sums of one growth round, one micro-shard at a time. It is
// shared by goroutines; each needs its own Runner.
type Job struct {
	length  int
	samples int
	program *nn.Program
	pack    sync.Once
	packed  *nn.Packed
	model   *nn.Graph
	measure measure
}

// measure is one kind of round.
type measure interface {
	// prepare is called once, with the numbers of the round.
	prepare(params, buffers []float32)
	// runner returns the part of a Runner that belongs to the kind.
	runner() measurer
}

// measurer adds the sums behind the header for the micro-shard that w has
// just run forward, and backward if the program can.
type measurer interface {
	run(dst []float64, w *nn.Workspace, b *nn.Batch, grad []float32)
}

// NewJob compiles a request against the graph it was made for, for
// micro-shards of the given number of samples. Its errors are faults of the request.
func NewJob(g *nn.Graph, req *Request, samples int) (*Job, error) {
	if err := req.Check(g); err != nil {
		return nil, err
	}
	j := &Job{samples: samples, model: g.Clone()}
	var options nn.Options
	var err error
	switch req.Kind {
	case KindUpdate:
		err = j.update(req, &options)
	case KindNeurons:
		err = j.neurons(req, &options)
	case KindNewborn:
		err = j.newborn(req)
	case KindAmplitude:
		err = j.amplitude(req, &options)
	}
	if err != nil {
		return nil, err
	}
	j.program, err = nn.Compile(j.model, samples, options)
	if err != nil {
		return nil, err
	}
	return j, nil
}

// Len returns the number of sums.
func (j *Job) Len() int { return header + j.length }

// Runner runs a job's micro-shards on one goroutine.
type Runner struct {
	job      *Job
	w        *nn.Workspace
	grad     []float32
	measurer measurer
}

// NewRunner returns the memory that one goroutine needs.
func (j *Job) NewRunner() *Runner {
	return &Runner{job: j, w: j.program.NewWorkspace(), measurer: j.measure.runner()}
}

// Run overwrites dst, of length Len, with the sums over the samples of b. All
// calls of all runners of a job must pass the same params and buffers: they
// are packed once. Batch normalisation uses the micro-shard's own statistics.
func (r *Runner) Run(dst []float64, params, buffers []float32, b *nn.Batch) {
	j := r.job
	if len(dst) != j.Len() {
		panic("growth: sums of a wrong length")
	}
	j.pack.Do(func() {
		j.measure.prepare(params, buffers)
		if j.packed == nil {
			j.packed = j.program.Pack(nil, params)
		}
	})
	clear(dst)
	r.w.Forward(j.packed, buffers, b, nn.Train)
	m := r.w.Loss()
	dst[0], dst[1], dst[2], dst[3] = m.N, m.Loss, m.Correct, 1
	if _, forwardOnly := j.measure.(*amplitudeMeasure); !forwardOnly {
		if r.grad == nil {
			r.grad = make([]float32, j.model.NumParams())
		}
		r.w.Backward(r.grad)
	}
	r.measurer.run(dst[header:], r.w, b, r.grad)
}
