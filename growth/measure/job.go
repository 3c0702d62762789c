package measure

import (
	"fmt"
	"sync"

	"github.com/tinygrow/tinygrow/tensor/nn"
)

// Job computes the sums of one growth round, one micro-shard at a time. It is
// shared by goroutines; each needs its own Runner.
type Job struct {
	length  int
	samples int
	program *nn.Program
	pack    sync.Once
	packed  *nn.Packed
	model   *nn.Graph
	options nn.Options
	measure measuring
}

// measuring is one kind of round.
type measuring interface {
	// compile makes what a Runner needs beside the job's own program.
	compile() error
	// prepare is called once, with the numbers of the round.
	prepare(params, buffers []float32)
	// runner returns the part of a Runner that belongs to the kind.
	runner() measurer
}

// measurer adds the sums behind the header for the micro-shard b that w has
// just run forward; it runs w backward if it needs to.
type measurer interface {
	run(dst []float64, w *nn.Workspace, b *nn.Batch)
}

// NewJob compiles a request against the graph it was made for, for
// micro-shards of the given number of samples. Its errors are faults of the request.
func NewJob(g *nn.Graph, req *Request, samples int) (*Job, error) {
	j := &Job{samples: samples, model: g.Clone()}
	_, err := j.plan(req)
	if err != nil {
		return nil, err
	}
	if err := j.measure.compile(); err != nil {
		return nil, err
	}
	j.program, err = nn.Compile(j.model, samples, j.options)
	if err != nil {
		return nil, err
	}
	return j, nil
}

// plan lays out the sums of a request and returns their number.
func (j *Job) plan(req *Request) (int, error) {
	err := req.Check(j.model)
	if err != nil {
		return 0, err
	}
	switch req.Kind {
	case KindUpdate:
		err = j.statistics(req, false)
	case KindNeurons:
		err = j.statistics(req, true)
	case KindNewborn:
		err = j.newborn(req)
	case KindAmplitude:
		err = j.amplitude(req)
	case KindGradients:
		err = j.gradients(req)
	default:
		err = fmt.Errorf("a growth request of kind %q is no round of its own", req.Kind)
	}
	return j.Len(), err
}

// Len returns the number of sums.
func (j *Job) Len() int { return HeaderLen + j.length }

// Runner runs a job's micro-shards on one goroutine.
type Runner struct {
	job      *Job
	w        *nn.Workspace
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
	Totals{m.N, m.Loss, m.Correct, 1}.put(dst)
	r.measurer.run(dst[HeaderLen:], r.w, b)
}
