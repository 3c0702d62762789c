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
func (c *Conv) Pack(dst, w []float32) { c.PackPanels(dst, w, Range{0, c.Panels()}) }

// Panels returns how many parts Pack's work has, of which the first
// ForwardPanels are all that Forward needs.
func (c *Conv) Panels() int { return len(c.forward.panels) + len(c.backward.panels) }

// ForwardPanels returns how many parts of the work Forward needs.
func (c *Conv) ForwardPanels() int { return len(c.forward.panels) }

// PackPanels does some of the parts of Pack's work; parts may be done by
// several goroutines.
func (c *Conv) PackPanels(dst, w []float32, parts Range) {
	n := c.geometry.weights()
	if len(dst) < 2*n || len(w) < n || parts.Lo < 0 || parts.Hi > c.Panels() {
		panic("kernel: Pack: slice too short")
	}
	split := len(c.forward.panels)
	for i := parts.Lo; i < min(parts.Hi, split); i++ {
		c.forward.packDestination(c.isa, dst[:n], w[:n], i)
	}
	for i := max(parts.Lo, split); i < parts.Hi; i += sourcePanels {
		c.backward.packSource(c.isa, dst[n:2*n], w[:n], Range{i - split, min(i+sourcePanels, parts.Hi) - split})
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
func (p *pass) packDestination(isa ISA, packed, w []float32, i int) {
	sources, area := p.srcC, p.area
	if area == 1 { // sources are neighbours, and taps of a single source would be
		sources, area = 1, p.srcC
	}
	first, height, out := p.panel(packed, i)
	if height >= 4 && isa != Generic {
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

const (
	sourcePanels = 4  // panels that packSource fills at a time
	tileTaps     = 25 // most taps of a panel's weights that it transposes at a time
)

// packSource packs panels of w (source, destination, tap), one source after another.
func (p *pass) packSource(isa ISA, packed, w []float32, panels Range) {
	area := p.area
	var tile [tileTaps * 14]float32
	for s := range p.srcC {
		for i := panels.Lo; i < panels.Hi; i++ {
			first, height, out := p.panel(packed, i)
			from := w[(s*p.dstC+first)*area:][:height*area]
			switch {
			case area == 1:
				copyRow(out[s*height:], from, height)
			case area > tileTaps:
				for _, t := range p.taps {
					at := t.from
					for r := range height {
						out[(t.to+s)*height+r] = from[at]
						at += area
					}
				}
			default:
				move := transpose{dst: tile[:], dstStep: height, rows: height, src: from, srcStep: area, cols: area}
				move.do(isa)
				for _, t := range p.taps {
					copyRow(out[(t.to+s)*height:], tile[t.from*height:], height)
				}
			}
		}
	}
}

// copyRow copies n floats. By way of a variable a constant length is a few
// moves, as dst may be src for all the compiler knows; copy is a call.
func copyRow(dst, src []float32, n int) {
	switch n {
	case 14:
		v := *(*[14]float32)(src)
		*(*[14]float32)(dst) = v
	case 13:
		v := *(*[13]float32)(src)
		*(*[13]float32)(dst) = v
	case 12:
		v := *(*[12]float32)(src)
		*(*[12]float32)(dst) = v
	case 11:
		v := *(*[11]float32)(src)
		*(*[11]float32)(dst) = v
	case 6:
		v := *(*[6]float32)(src)
		*(*[6]float32)(dst) = v
	default:
		copy(dst[:n], src)
	}
}
