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
func (c *Conv) Pack(dst, w []float32) {
	c.PackForward(dst, w)
	g := c.geometry
	n := g.weights()
	if len(dst) < 2*n {
		panic("kernel: Pack: slice too short")
	}
	c.backward.packSource(dst[n:2*n], w[:n], g.KH*g.KW, g.InC*g.KH*g.KW)
}

// PackForward fills the first half of dst, all that Forward needs.
func (c *Conv) PackForward(dst, w []float32) {
	g := c.geometry
	n := g.weights()
	if len(dst) < n || len(w) < n {
		panic("kernel: Pack: slice too short")
	}
	c.forward.packDestination(dst[:n], w[:n], g.KH*g.KW)
}

// packBlock is how many neighbouring weights of a row are moved at a time.
const packBlock = 64

// packDestination packs w (destination, source, tap), taps in w's order, into
// panels: summed index by destination, tap by tap.
func (p *pass) packDestination(packed, w []float32, area int) {
	sources := p.srcC
	if area == 1 { // sources are neighbours, and taps of a single source would be
		sources, area = 1, p.srcC
	}
	first := 0
	for _, height := range p.panels {
		out := packed[first*p.depth : (first+height)*p.depth]
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
		first += height
	}
}

// packSource packs w, whose element (source s, destination d, tap) lies at
// s*ss + d*area + tap, into panels.
func (p *pass) packSource(packed, w []float32, area, ss int) {
	first := 0
	for _, height := range p.panels {
		out := packed[first*p.depth : (first+height)*p.depth]
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
		first += height
	}
}
