package kernel

// A tapPlace is where one kernel element is found in w, counted from its
// channel pair, and where its source channels start in the summed index.
type tapPlace struct{ from, to int }

// planTaps lists all kernel elements in the order of the summed index.
func (p *pass) planTaps(kw int) {
	for _, th := range p.rows.phases {
		for _, tw := range p.cols.phases {
			for _, y := range th {
				for _, x := range tw {
					p.taps = append(p.taps, tapPlace{y*kw + x, len(p.taps) * p.srcC})
				}
			}
		}
	}
}

// Pack fills dst (PackedLen) from w for Forward and BackwardData. It is done
// once for each version of the weights; goroutines share the result.
func (c *Conv) Pack(dst, w []float32) { c.PackPanels(dst, w, 0, c.Panels()) }

// Panels returns how many parts Pack's work has, of which the first
// ForwardPanels are all that Forward needs.
func (c *Conv) Panels() int { return len(c.forward.panels) + len(c.backward.panels) }

// ForwardPanels returns how many parts of the work Forward needs.
func (c *Conv) ForwardPanels() int { return len(c.forward.panels) }

// PackPanels does parts lo <= i < hi of Pack's work; parts may be done by
// several goroutines.
func (c *Conv) PackPanels(dst, w []float32, lo, hi int) {
	g := c.geometry
	n := g.weights()
	if len(dst) < 2*n || len(w) < n || lo < 0 || hi > c.Panels() {
		panic("kernel: Pack: slice too short")
	}
	for i := lo; i < hi; i++ {
		if i < len(c.forward.panels) {
			c.forward.packDestination(c.isa, dst[:n], w[:n], g.KH*g.KW, i)
		} else {
			c.backward.packSource(dst[n:2*n], w[:n], g.KH*g.KW, g.InC*g.KH*g.KW, i-len(c.forward.panels))
		}
	}
}

// panel returns the first destination of panel i and its part of packed.
func (p *pass) panel(packed []float32, i int) (first, height int, out []float32) {
	for _, h := range p.panels[:i] {
		first += h
	}
	height = p.panels[i]
	return first, height, packed[first*p.depth : (first+height)*p.depth]
}

// packBlock is how many neighbouring weights of a row are moved at a time.
const packBlock = 64

// packDestination packs panel i of w (destination, source, tap), taps in w's
// order: summed index by destination, tap by tap.
func (p *pass) packDestination(isa ISA, packed, w []float32, area, i int) {
	sources := p.srcC
	if area == 1 { // sources are neighbours, and taps of a single source would be
		sources, area = 1, p.srcC
	}
	first, height, out := p.panel(packed, i)
	if height >= 8 && isa != Generic {
		for c := range sources {
			t := transpose{dst: out[c*height:], dstStep: sources * height, rows: height,
				src: w[(first*sources+c)*area:], srcStep: sources * area, cols: area}
			t.do(isa)
		}
		return
	}
	for t := 0; t < area; t += packBlock {
		n := min(packBlock, area-t)
		for c := range sources {
			for r := range height {
				at := (t*sources+c)*height + r
				for _, v := range w[((first+r)*sources+c)*area+t:][:n] {
					out[at] = v
					at += sources * height
				}
			}
		}
	}
}

// packSource packs panel i of w, whose element (source s, destination d, tap)
// lies at s*ss + d*area + tap.
func (p *pass) packSource(packed, w []float32, area, ss, i int) {
	first, height, out := p.panel(packed, i)
	for s := range p.srcC {
		from := w[s*ss+first*area:][:height*area]
		if area == 1 {
			copy(out[s*height:], from)
			continue
		}
		for _, t := range p.taps {
			to := out[(t.to+s)*height:][:height]
			at := t.from
			for r := range to {
				to[r] = from[at]
				at += area
			}
		}
	}
}
