package kernel

import "math"

// Attention is scaled dot-product attention of several heads over the positions of an
// image, PyTorch's scaled_dot_product_attention. Shapes: q and k (blocks, Tokens, Heads*Keys, 32),
// v and y (blocks, Tokens, Heads*Values, 32), and gradients like them; head h has channels
// h*Keys to (h+1)*Keys of q and k, and likewise of v and y.
//
// Scores are chains of fused multiply-adds over a head's channels. Of a query e = exp(Scale
// (score - the largest score)), and p = e / sum of e, a chain over the keys in order. y, and
// the gradients of q, are chains over the keys, those of k and v over the queries, and p's
// over the values. Nothing is kept for the way back, which computes p again.
type Attention struct {
	Heads, Keys, Values, Tokens int
	Scale                       float32
}

// scoreLen is about how many floats a tile of scores has: with its like it stays in the second-level cache.
const scoreLen = 48 << 10

// queries returns how many queries are worked on at a time.
func (a Attention) queries() int {
	n := scoreLen / (a.scoreStep()) &^ 3
	return min(max(n, 4), a.Tokens)
}

// A row of scores, and the channels of a token in the copies of k and v, lie an odd number
// of rows apart, so that they fall into different sets of the cache.
func oddRows(rows int) int { return (rows | 1) * lanes }

func (a Attention) scoreStep() int { return oddRows(a.Tokens) }
func (a Attention) keyStep() int   { return oddRows(a.Keys) }
func (a Attention) valueStep() int { return oddRows(a.Values) }

// ScratchLen returns the scratch length that Forward and Backward need.
func (a Attention) ScratchLen() int {
	return a.Tokens*(a.keyStep()+a.valueStep()) + 2*a.queries()*a.scoreStep()
}

// FLOPs returns twice the number of multiply-adds of one sample's forward pass.
func (a Attention) FLOPs() int64 {
	return 2 * int64(a.Heads*(a.Keys+a.Values)) * int64(a.Tokens) * int64(a.Tokens)
}

// head goes through the heads of all blocks: the part of every array that is one's, and memory.
type head struct {
	Attention
	isa          ISA
	blocks, at   int // at is the number of the head, those of all blocks counted in a row
	qStep, vStep int // steps from a token to the next, in q and k, and in v and y
	q0, v0       int // what lies behind the first channel of the head's queries and values
	k, v         []float32
	p, dp        []float32
	lo, hi       int // queries of the tile
}

// heads returns where next leads to the first head.
func (a Attention) heads(blocks int, scratch []float32) head {
	h := head{Attention: a, isa: Active(), blocks: blocks, at: -1, qStep: a.Heads * a.Keys * lanes, vStep: a.Heads * a.Values * lanes}
	if a.Tokens == 0 {
		h.blocks = 0
		return h
	}
	need(len(scratch) >= a.ScratchLen())
	h.k, scratch = scratch[:a.Tokens*a.keyStep()], scratch[a.Tokens*a.keyStep():]
	h.v, scratch = scratch[:a.Tokens*a.valueStep()], scratch[a.Tokens*a.valueStep():]
	tile := a.queries() * a.scoreStep()
	h.p, h.dp = scratch[:tile], scratch[tile:2*tile]
	return h
}

// next goes to the next head, if there is one.
func (h *head) next() bool {
	if h.at++; h.at >= h.blocks*h.Heads {
		return false
	}
	block, i := h.at/h.Heads, h.at%h.Heads
	h.q0 = block*h.Tokens*h.qStep + i*h.Keys*lanes
	h.v0 = block*h.Tokens*h.vStep + i*h.Values*lanes
	return true
}

// Forward computes y.
func (a Attention) Forward(y, q, k, v []float32, blocks int, scratch []float32) {
	a.check(y, q, k, v, blocks)
	for h := a.heads(blocks, scratch); h.next(); {
		h.gather(k[h.q0:], v[h.v0:])
		for h.tiles() {
			h.scores(q[h.q0:])
			h.product(laneProduct{rows: h.hi - h.lo, cols: a.Values, depth: a.Tokens, c: y[h.v0+h.lo*h.vStep:], cRow: h.vStep, cCol: lanes,
				a: h.p, aRow: a.scoreStep(), aStep: lanes, b: h.v, bCol: lanes, bStep: a.valueStep(), fresh: true})
		}
	}
}

// Backward computes the gradients at q, k and v from dy. Lanes without a sample must be zero in dy.
func (a Attention) Backward(dq, dk, dv, dy, q, k, v []float32, blocks int, scratch []float32) {
	a.check(dy, q, k, v, blocks)
	a.check(dv, dq, dk, dv, blocks)
	for h := a.heads(blocks, scratch); h.next(); {
		h.gather(k[h.q0:], v[h.v0:])
		for h.tiles() {
			h.scores(q[h.q0:])
			h.back(dq[h.q0:], dk[h.q0:], dv[h.v0:], dy[h.v0+h.lo*h.vStep:], q[h.q0+h.lo*h.qStep:])
		}
	}
}

// gather copies a head's keys and values.
func (h *head) gather(k, v []float32) {
	h.lo, h.hi = 0, 0
	for t := range h.Tokens {
		copy(h.k[t*h.keyStep():][:h.Keys*lanes], k[t*h.qStep:])
		copy(h.v[t*h.valueStep():][:h.Values*lanes], v[t*h.vStep:])
	}
}

// tiles goes to the next tile of queries.
func (h *head) tiles() bool {
	h.lo, h.hi = h.hi, min(h.hi+h.queries(), h.Tokens)
	return h.lo < h.hi
}

// scores sets p of the tile's queries.
func (h *head) scores(q []float32) {
	n, step := h.hi-h.lo, h.scoreStep()
	h.product(laneProduct{rows: n, cols: h.Tokens, depth: h.Keys, c: h.p, cRow: step, cCol: lanes,
		a: q[h.lo*h.qStep:], aRow: h.qStep, aStep: lanes, b: h.k, bCol: h.keyStep(), bStep: lanes, fresh: true})
	scale := [1]float32{h.Scale}
	for i := range n {
		p := h.p[i*step:][:h.Tokens*lanes]
		var top, sum [lanes]float32
		for l := range top {
			top[l] = float32(math.Inf(-1))
		}
		scoreTop(top[:], p)
		scoreExp(p, sum[:], p, top[:], scale[:])
		scoreShare(p, p, sum[:])
	}
}

// back does the way back of the tile's queries, whose gradients and values begin at dy and q.
func (h *head) back(dq, dk, dv, dy, q []float32) {
	n, step := h.hi-h.lo, h.scoreStep()
	h.product(laneProduct{rows: n, cols: h.Tokens, depth: h.Values, c: h.dp, cRow: step, cCol: lanes,
		a: dy, aRow: h.vStep, aStep: lanes, b: h.v, bCol: h.valueStep(), bStep: lanes, fresh: true})
	h.product(laneProduct{rows: h.Tokens, cols: h.Values, depth: n, c: dv, cRow: h.vStep, cCol: lanes,
		a: h.p, aRow: lanes, aStep: step, b: dy, bCol: lanes, bStep: h.vStep, fresh: h.lo == 0})
	scale := [1]float32{h.Scale}
	for i := range n {
		p, dp := h.p[i*step:][:h.Tokens*lanes], h.dp[i*step:][:h.Tokens*lanes]
		var dot [lanes]float32
		scoreDot(dot[:], p, dp)
		scoreBackward(dp, p, dp, dot[:], scale[:])
	}
	h.product(laneProduct{rows: n, cols: h.Keys, depth: h.Tokens, c: dq[h.lo*h.qStep:], cRow: h.qStep, cCol: lanes,
		a: h.dp, aRow: step, aStep: lanes, b: h.k, bCol: lanes, bStep: h.keyStep(), fresh: true})
	h.product(laneProduct{rows: h.Tokens, cols: h.Keys, depth: n, c: dk, cRow: h.qStep, cCol: lanes,
		a: h.dp, aRow: lanes, aStep: step, b: q, bCol: lanes, bStep: h.qStep, fresh: h.lo == 0})
}

// product runs one product; one without rows or columns is nothing, one without depth is zero.
func (h *head) product(p laneProduct) {
	if p.rows == 0 || p.cols == 0 {
		return
	}
	if p.depth == 0 {
		for i := range p.rows {
			for j := range p.cols {
				clear(p.c[i*p.cRow+j*p.cCol:][:lanes])
			}
		}
		return
	}
	p.do(h.isa)
}

func (a Attention) check(y, q, k, v []float32, blocks int) {
	need(min(a.Heads, a.Keys, a.Values, a.Tokens, blocks) >= 0)
	keys, values := blocks*a.Tokens*a.Heads*a.Keys*lanes, blocks*a.Tokens*a.Heads*a.Values*lanes
	need(len(q) == keys && len(k) == keys && len(v) == values && len(y) == values)
}
