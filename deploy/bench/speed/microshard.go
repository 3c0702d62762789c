package speed

import (
	"fmt"
	"time"

	"github.com/tinygrow/tinygrow/tensor/cputime"
	"github.com/tinygrow/tinygrow/tensor/nn"
)

// MicroShard returns how much processor time one thread takes for the gradient of a
// micro-shard of so many samples, measured for time d. Processor time is what is left to a
// thread when others want the processor too, so a busy machine says nearly the same.
func MicroShard(g *nn.Graph, samples int, d time.Duration) (time.Duration, error) {
	if g.Loss != nn.CrossEntropy {
		return 0, fmt.Errorf("loss %s: only networks that tell classes apart are measured", g.Loss)
	}
	t, err := newTrainer(nn.Init(g, 1), work{samples, samples, 1})
	if err != nil {
		return 0, err
	}
	t.pack()
	t.gradients()
	began, cpu, n := time.Now(), cputime.Used(), 0
	for ; n < 3 || time.Since(began) < d; n++ {
		t.gradients()
	}
	return (cputime.Used() - cpu) / time.Duration(n), nil
}
