package growth

import (
	"slices"

	"gonum.org/v1/gonum/mat"

	"github.com/tinygrow/tinygrow/tensor/nn"
)

// askRefit asks for the best update of every site's Second as if the new
// neurons were there already (MATH.md section 3.4).
func (e *Event) askRefit(sites []*candidate) {
	req := &Request{Kind: KindUpdate}
	for _, c := range sites {
		req.Sites = append(req.Sites, SiteRequest{Site: c.ID})
		req.Newborn = append(req.Newborn, c.kept)
	}
	e.ask(req, e.ranges[1], func(sums []float64) {
		e.refit(sites, sums, req.Newborn)
		e.trials = slices.DeleteFunc(e.trials, func(c *candidate) bool { return c.record.Reason != "" })
		if len(e.trials) == 0 {
			e.refuse("no site has neurons that stand out from noise")
			return
		}
		e.askAmplitude()
	})
}

// refit solves for outgoing weights and the change of existing weights.
func (e *Event) refit(sites []*candidate, sums []float64, newborn []Insertion) {
	_, wide, err := newDormant(e.model.Graph, newborn)
	if err != nil {
		panic("growth: insertions that were checked do not fit")
	}
	offsets := make([]int, len(sites))
	at := 0
	for i, c := range sites {
		s, err := newSiteData(wide, SiteRequest{Site: c.ID})
		if err != nil {
			panic("growth: sums of an unknown site")
		}
		offsets[i] = at
		at += s.updateLen()
	}
	parallel(len(sites), func(i int) {
		c := sites[i]
		rows := float64(sums[0] * float64(c.second.positions()))
		if c.random {
			c.refitPool(e, parseUpdate(wide, c.ID, sums, offsets[i]), rows)
			return
		}
		inputs := c.second.rows() + c.kept.Count*c.second.area()
		c.refit(wide, sums, offsets[i], ridgeFor(inputs, rows))
	})
}

func (c *candidate) refit(wide *nn.Graph, sums []float64, offset int, ridge float64) {
	p := parseUpdate(wide, c.ID, sums, offset)
	if !p.Finite {
		return // the closed form stays, and will be measured
	}
	u := BestUpdate(p.S1, p.M, p.Desired, threshold, ridge)
	c.record.Refit = Number(u.Desired - u.Psi2)
	c.splitRefit(u.Delta)
}

// splitRefit takes the rows of the joint solution apart. Its columns are the
// old inputs, the new ones, and the bias; rows behind the old outputs belong
// to other sites' neurons and are zero.
func (c *candidate) splitRefit(delta *mat.Dense) {
	old, area, k := c.second.weights(), c.second.area(), c.kept.Count
	rows := c.second.rows()
	c.kept.Update = make([]float32, c.outputs*rows)
	c.kept.Omega = make([]float32, c.outputs*k*area)
	for o := range c.outputs {
		row := delta.RawRowView(o)
		for i := range old {
			c.kept.Update[o*rows+i] = float32(row[i])
		}
		for i := range k * area {
			c.kept.Omega[o*k*area+i] = float32(row[old+i])
		}
		if c.second.bias {
			c.kept.Update[o*rows+old] = float32(row[old+k*area])
		}
	}
}
