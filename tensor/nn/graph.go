package nn

// Shape is the shape of one sample's activation: C channels of H rows and W
// columns. A feature vector is (C, 1, 1).
type Shape struct {
	C int `json:"c" msgpack:"c"`
	H int `json:"h" msgpack:"h"`
	W int `json:"w" msgpack:"w"`
}

// Len returns the number of values of one sample.
func (s Shape) Len() int { return s.C * s.H * s.W }

// NodeID names a node within its graph, as "conv1" or "layer2.0.bn1".
type NodeID string

// Loss names the loss computed at the last node.
type Loss string

// The losses.
const (
	CrossEntropy Loss = "cross_entropy" // softmax cross-entropy on class labels
	MSE          Loss = "mse"           // sum over outputs of the squared error, per sample
	// BinaryCrossEntropy is the sum over outputs of the logistic loss, each output a label of its own that a sample has or has not.
	BinaryCrossEntropy Loss = "binary_cross_entropy"
)

// Losses are all of them.
var Losses = []Loss{CrossEntropy, MSE, BinaryCrossEntropy}

// targets reports whether the loss reads Batch.Targets.
func (l Loss) targets() bool { return l != CrossEntropy }

// Node is one operation of a graph. Fields that its Op does not use are zero.
type Node struct {
	ID     NodeID   `json:"id" msgpack:"id"`
	Op     Op       `json:"op" msgpack:"op"`
	Inputs []NodeID `json:"inputs,omitempty" msgpack:"inputs,omitempty"`
	// Out is the number of output channels (conv2d) or features (linear); zero is allowed and grows later.
	Out    int  `json:"out,omitempty" msgpack:"out,omitempty"`
	Kernel int  `json:"kernel,omitempty" msgpack:"kernel,omitempty"` // square; conv2d and pools
	Stride int  `json:"stride,omitempty" msgpack:"stride,omitempty"`
	Pad    int  `json:"pad,omitempty" msgpack:"pad,omitempty"`
	Bias   bool `json:"bias,omitempty" msgpack:"bias,omitempty"`
	// Eps belongs to normalisations, Momentum to batchnorm. Momentum is PyTorch's: running += Momentum * (batch - running).
	Eps      float64 `json:"eps,omitempty" msgpack:"eps,omitempty"`
	Momentum float64 `json:"momentum,omitempty" msgpack:"momentum,omitempty"`
	// Groups is the number of groups into which channels are cut, one behind the other; groupnorm, groupedconv2d and conv1d.
	Groups int `json:"groups,omitempty" msgpack:"groups,omitempty"`
	// Heads and Scale belong to attention: scores are multiplied by Scale; 0: by 1/sqrt(channels of a head in q and k).
	Heads int     `json:"heads,omitempty" msgpack:"heads,omitempty"`
	Scale float64 `json:"scale,omitempty" msgpack:"scale,omitempty"`
	// Rate is the part of the values that dropout drops.
	Rate float64 `json:"rate,omitempty" msgpack:"rate,omitempty"`
}

// Graph is a network as data: nodes in topological order, the first the
// input, the last the output that the loss reads. Growth changes the Out of
// nodes and raises Generation; all other widths follow.
type Graph struct {
	Generation uint64 `json:"generation" msgpack:"generation"`
	Input      Shape  `json:"input" msgpack:"input"`
	Loss       Loss   `json:"loss" msgpack:"loss"`
	// Smoothing is the part of a sample's target that is shared out over all classes (label smoothing), of
	// CrossEntropy in training alone.
	Smoothing float64 `json:"smoothing,omitempty" msgpack:"smoothing,omitempty"`
	// LRA says that training does without backpropagation; nil: gradients are those of the loss. It is never changed,
	// so that clones share it.
	LRA   *LRA   `json:"rec_lra,omitempty" msgpack:"rec_lra,omitempty"`
	Nodes []Node `json:"nodes" msgpack:"nodes"`
}
