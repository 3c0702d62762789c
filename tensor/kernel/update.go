package kernel

import "math"

// Updates are element-wise: any range of a parameter vector may be updated by
// itself, with the same bits. Every product is rounded by itself. g is
// grad*scale throughout (scale 1/n makes a sum over samples a mean).

// SGDCoefs are the constants of one SGD step, as PyTorch's torch.optim.SGD
// with dampening 0.
type SGDCoefs struct {
	Scale, LR, Momentum, WeightDecay float32
	Nesterov                         bool
}

// SGD sets g = g + WeightDecay p, velocity = Momentum velocity + g, and
// subtracts LR velocity, under Nesterov LR (g + Momentum velocity), from
// param. With Momentum 0 the velocity is neither read nor written.
func SGD(param, grad, velocity []float32, k SGDCoefs) {
	need(len(grad) == len(param) && (k.Momentum == 0 || len(velocity) == len(param)))
	for i := k.vectors(param, grad, velocity); i < len(param); i++ {
		p := param[i]
		g := float32(grad[i]*k.Scale) + float32(k.WeightDecay*p)
		if k.Momentum != 0 {
			v := float32(k.Momentum*velocity[i]) + g
			velocity[i] = v
			if k.Nesterov {
				v = g + float32(k.Momentum*v)
			}
			g = v
		}
		param[i] = p - float32(k.LR*g)
	}
}

// vectors does whole vectors by the body for k, and returns how many elements that were.
func (k SGDCoefs) vectors(param, grad, velocity []float32) int {
	coefs := [...]float32{k.Scale, k.LR, k.Momentum, k.WeightDecay}
	switch {
	case k.Momentum == 0:
		return sgdPlainSIMD(param, grad, param, coefs[:])
	case k.Nesterov:
		return sgdNesterovSIMD(param, grad, velocity, coefs[:])
	}
	return sgdMomentumSIMD(param, grad, velocity, coefs[:])
}

// AdamCoefs are the constants of one AdamW step.
type AdamCoefs struct {
	Scale        float32
	Beta1, Beta2 float32
	Rest1, Rest2 float32 // 1 - beta, rounded from float64
	Keep         float32 // 1 - LR WeightDecay
	Step         float32 // LR / (1 - Beta1^t)
	Root         float32 // 1 / sqrt(1 - Beta2^t)
	Eps          float32
}

// AdamW sets m = Beta1 m + Rest1 g, v = Beta2 v + Rest2 g g and
// param = Keep param - Step (m / (sqrt(v) Root + Eps)), as torch.optim.AdamW.
func AdamW(param, grad, m, v []float32, k AdamCoefs) {
	need(len(grad) == len(param) && len(m) == len(param) && len(v) == len(param))
	coefs := [...]float32{k.Scale, k.Beta1, k.Beta2, k.Rest1, k.Rest2, k.Keep, k.Step, k.Root, k.Eps}
	for i := adamWSIMD(param, grad, m, v, coefs[:]); i < len(param); i++ {
		p := param[i]
		g := float32(grad[i] * k.Scale)
		mi := float32(k.Beta1*m[i]) + float32(k.Rest1*g)
		vi := float32(k.Beta2*v[i]) + float32(k.Rest2*float32(g*g))
		m[i], v[i] = mi, vi
		root := float32(math.Sqrt(float64(vi)))
		param[i] = float32(k.Keep*p) - float32(k.Step*(mi/(float32(root*k.Root)+k.Eps)))
	}
}
