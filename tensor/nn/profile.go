package nn

import (
	"fmt"
	"time"
)

// Lap is told of one kernel call: what it did, its useful floating-point
// operations (of convolutions and linear layers, else 0) and how long it took.
type Lap func(kind string, flops int64, took time.Duration)

// Profile makes the following calls of Forward and Backward tell lap of every
// kernel call; nil ends that.
func (w *Workspace) Profile(lap Lap) { w.lap = lap }

// runAll runs steps in order.
func (w *Workspace) runAll(steps []step) {
	if w.lap == nil {
		for _, s := range steps {
			s.run(w)
		}
		return
	}
	for _, s := range steps {
		started := time.Now()
		s.run(w)
		took := time.Since(started)
		if kind, flops := describe(s); kind != "" {
			w.lap(kind, flops*int64(w.n), took)
		}
	}
}

// describe returns the kind of a step and its operations for one sample.
func describe(s step) (kind string, flops int64) {
	switch s := s.(type) {
	case *layerStep:
		return s.kind() + " forward", s.conv.Geometry().FLOPs()
	case *layerDataStep:
		return s.kind() + " backward-data", s.conv.Geometry().FLOPs()
	case *layerWeightsStep:
		return s.kind() + " backward-weights", s.conv.Geometry().FLOPs()
	case *normStep:
		return "norm forward", 0
	case *normBackStep:
		return "norm backward", 0
	case *addStep, *addRectifyStep:
		return "add", 0
	case *activationStep:
		return "activation forward", 0
	case *activationBackStep:
		return "activation backward", 0
	case *poolStep:
		return "pool forward", 0
	case *poolBackStep:
		return "pool backward", 0
	case lossStep:
		return "", 0 // Loss is called between forward and backward
	}
	panic(fmt.Sprintf("nn: a step of unknown kind %T", s))
}

// kind returns linear for a layer that reads all of its input at once.
func (l *layer) kind() string {
	if g := l.conv.Geometry(); g.OutH() == 1 && g.OutW() == 1 && g.KH == g.InH && g.KW == g.InW {
		return "linear"
	}
	return "conv"
}
