package kernel

import "github.com/tinygrow/tinygrow/tensor"

// A pass is a plan for one direction of a convolution: destination channels are
// rows of small matrix products, lanes their columns, and (tap, source
// channel) the summed index. Forward and backward-data are two passes of one driver.
type pass struct {
	rows, cols axis
	colSpans   []span
	srcH, srcW int
	dstH, dstW int
	srcC, dstC int
	area       int   // elements of the kernel of a channel pair
	phaseBase  []int // packed position of the phase (row, column), in steps of the summed index
	depth      int   // steps of the summed index over all taps and phases
	panels     []int // heights of the panels of destination channels
	taps       []tapPlace
	rowClass   []int // index into runs, for each destination row
	runs       [][][]run
	stripRows  int // destination rows that share the source rows in cache
}

// A run is k consecutive source rows of 32 lanes, multiplied by k consecutive
// columns of the panel. src counts floats from the first source pixel of the span's row.
type run struct{ src, w, k int }

// cutPanels cuts the destination channels into panels of nearly equal height, at most limit.
func (p *pass) cutPanels(limit int) {
	n := p.dstC
	p.panels = make([]int, (n+limit-1)/limit)
	for i, count := 0, len(p.panels); i < count; i++ {
		p.panels[i] = (n*(i+1))/count - (n*i)/count
	}
}

func newPass(rows, cols axis, by steps, g Geometry, backward bool, height int) pass {
	p := pass{rows: rows, cols: cols, area: g.KH * g.KW}
	p.srcH, p.srcW, p.srcC = g.InH, g.InW, g.InC
	p.dstH, p.dstW, p.dstC = g.OutH(), g.OutW(), g.OutC
	if backward {
		p.srcH, p.dstH = p.dstH, p.srcH
		p.srcW, p.dstW = p.dstW, p.srcW
		p.srcC, p.dstC = p.dstC, p.srcC
	}
	p.colSpans = cols.spans(by)
	p.cutPanels(height)
	for _, th := range rows.phases {
		for _, tw := range cols.phases {
			p.phaseBase = append(p.phaseBase, p.depth)
			p.depth += len(th) * len(tw) * p.srcC
		}
	}
	p.planTaps(g.KW)
	p.planRuns()
	rowBytes := 4 * tensor.Lanes * (p.srcW*p.srcC + p.dstW*p.dstC)
	p.stripRows = max(1, stripBytes/max(1, rowBytes))
	return p
}

// stripBytes bounds the source and destination rows worked on at a time, so
// that they stay in the second-level cache beside the weights.
const stripBytes = 768 << 10

// planRuns makes the runs of every kind of destination row and span of columns.
func (p *pass) planRuns() {
	type kind struct{ phase, lo, hi int }
	known := map[kind]int{}
	p.rowClass = make([]int, len(p.rows.at))
	for i, r := range p.rows.at {
		k := kind{r.phase, r.lo, r.hi}
		class, ok := known[k]
		if !ok {
			class = len(p.runs)
			known[k] = class
			p.runs = append(p.runs, p.classRuns(r))
		}
		p.rowClass[i] = class
	}
}

func (p *pass) classRuns(r reach) [][]run {
	all := make([][]run, len(p.colSpans))
	for j, s := range p.colSpans {
		width := len(p.cols.phases[s.phase])
		base := p.phaseBase[r.phase*len(p.cols.phases)+s.phase]
		var list []run
		for t := r.lo; t < r.hi; t++ {
			next := run{
				src: (t - r.lo) * p.srcW * p.srcC * tensor.Lanes,
				w:   base + (t*width+s.lo)*p.srcC,
				k:   (s.hi - s.lo) * p.srcC,
			}
			if next.k == 0 {
				continue
			}
			if n := len(list); n > 0 {
				if l := &list[n-1]; l.src+l.k*tensor.Lanes == next.src && l.w+l.k == next.w {
					l.k += next.k
					continue
				}
			}
			list = append(list, next)
		}
		all[j] = list
	}
	return all
}

// apply computes dst from src: for every block, strip of rows, panel and row,
// one kernel call for each span of columns.
func (p *pass) apply(isa ISA, dst, src, packed, bias []float32, blocks int) {
	srcRow := p.srcW * p.srcC * tensor.Lanes
	dstPixel := p.dstC * tensor.Lanes
	dstRow := p.dstW * dstPixel
	var call tap
	for lo := 0; lo < blocks*p.dstH; lo += p.stripRows {
		hi := min(blocks*p.dstH, lo+p.stripRows)
		first := 0
		for _, height := range p.panels {
			call.rows = height
			call.w = packed[first*p.depth : (first+height)*p.depth]
			call.bias = nil
			if bias != nil {
				call.bias = bias[first : first+height]
			}
			for row := lo; row < hi; row++ {
				b, h := row/p.dstH, row%p.dstH
				r := p.rows.at[h]
				image := src[b*p.srcH*srcRow : (b+1)*p.srcH*srcRow]
				line := dst[row*dstRow : (row+1)*dstRow]
				runs := p.runs[p.rowClass[h]]
				for j := range p.colSpans {
					s := &p.colSpans[j]
					call.src = image[r.src*srcRow+s.src*p.srcC*tensor.Lanes:]
					call.srcStep = s.srcStep * p.srcC * tensor.Lanes
					call.dst = line[s.first*dstPixel+first*tensor.Lanes:]
					call.dstStep = s.step * dstPixel
					call.runs = runs[j]
					call.count = s.count
					call.do(isa)
				}
			}
			first += height
		}
	}
}
