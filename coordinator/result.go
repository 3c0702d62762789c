package coordinator

import (
	"github.com/tinygrow/tinygrow/growth"
	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/tensor/nn"
)

// Result is how a run stands when Run returns.
type Result struct {
	Run    proto.RunID `json:"run"`
	RunDir string      `json:"run_dir"`
	// Done is false for a run that was stopped and can be resumed.
	Done         bool             `json:"done"`
	Steps        proto.Step       `json:"steps"`
	Generation   proto.Generation `json:"generation"`
	ParamsStart  int              `json:"params_start"`
	ParamsEnd    int              `json:"params_end"`
	Widths       map[string]int   `json:"widths"` // outputs by layer, all but the last
	GrowthEvents []*growth.Record `json:"growth_events"`
	TrainLoss    float64          `json:"train_loss"` // mean over the last epoch
	TestLoss     float64          `json:"test_loss"`
	TestAccuracy float64          `json:"test_accuracy"`

	ModelSHA256     string `json:"model_sha256"`
	OptimizerSHA256 string `json:"optimizer_sha256"`
	JournalSHA256   string `json:"journal_sha256"`

	WallS       float64 `json:"wall_s"` // of this process
	CPUS        float64 `json:"cpu_s"`
	SamplesPerS float64 `json:"samples_per_s"` // training samples over wall time
	Timing      Timing  `json:"timing"`
	Dropped     Dropped `json:"dropped"`
}

// widths returns the number of outputs of every convolution and linear layer but the last.
func widths(g *nn.Graph) map[string]int {
	w := map[string]int{}
	last := g.Output().ID
	for _, n := range g.Nodes {
		if (n.Op == nn.OpConv || n.Op == nn.OpLinear) && n.ID != last {
			w[string(n.ID)] = n.Out
		}
	}
	return w
}
