package growth

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"

	"github.com/tinygrow/tinygrow/tensor/linalg"
)

// The statistics of an event stop once they are good enough: the update round
// reads its samples in portions, each as large as all before it, and the best
// update of those before is tried on the portion that has just come. What it
// fails to express there beyond what it fails to express at home is the error
// of the statistics. The rounds after it read as many samples.

// firstPortion is the part of the statistics samples that the first of them has.
const firstPortion = 8

// portion returns how many samples come next after the given number of those in all.
func (e *Event) portion(done int) int {
	all, shard := e.ranges[0].Count, e.info.MicroShard
	if e.cfg.Precision == 0 {
		return all - done
	}
	n := done
	if done == 0 {
		n = (all/firstPortion + shard - 1) / shard * shard
	}
	if rest := all - done; n > rest || rest-n < shard {
		return rest
	}
	return n
}

// askPortion asks for more statistics beside the sums before, of done samples.
func (e *Event) askPortion(before []float64, done int) {
	req := &Request{Kind: KindUpdate}
	for _, c := range e.sites {
		req.Sites = append(req.Sites, SiteRequest{Site: c.ID})
	}
	n := e.portion(done)
	e.ask(req, SampleRange{e.ranges[0].Offset + done, n}, func(sums []float64) { e.takePortion(before, sums, done+n) })
}

// takePortion decides whether the statistics are good enough.
func (e *Event) takePortion(before, sums []float64, done int) {
	all := e.ranges[0].Count
	if before == nil && done < all {
		e.askPortion(sums, done)
		return
	}
	why := ""
	if before != nil {
		worst, at := e.heldOut(before, sums)
		for i, v := range before {
			sums[i] += v
		}
		why = fmt.Sprintf("what %s cannot express differs by %.2g between samples that its update was and was not made for", at, worst)
		if worst > e.cfg.Precision && done < all {
			e.askPortion(sums, done)
			return
		}
		if worst > e.cfg.Precision {
			why += ", and there are no more"
		}
	}
	e.ranges[0].Count = done
	e.record.Samples.Statistics, e.record.Samples.Why = done, why
	e.solveUpdate(sums)
}

// heldOut returns the largest error of the sites' share of the bottleneck, and
// the site that has it.
func (e *Event) heldOut(before, fresh []float64) (worst float64, at SiteID) {
	offsets := e.offsets(func(s *siteData) int { return s.updateLen() })
	errs := make([]float64, len(e.sites))
	parallel(len(e.sites), func(i int) {
		c := e.sites[i]
		old, now := parseUpdate(e.model.Graph, c.ID, before, offsets[i]), parseUpdate(e.model.Graph, c.ID, fresh, offsets[i])
		if !old.Finite || !now.Finite || old.Desired == 0 || now.Desired == 0 {
			return // its reason comes later
		}
		u := BestUpdate(old.S1, old.M, old.Desired, threshold, ridgeFor(c.second.rows(), float64(before[0]*float64(c.second.positions()))))
		errs[i] = math.Abs(now.unexpressed(u.Delta)/now.Desired - u.Share())
	})
	for i, err := range errs {
		if at == "" || err > worst {
			worst, at = err, e.sites[i].ID
		}
	}
	return worst, at
}

// unexpressed returns E|V - delta b1|^2.
func (u updateSums) unexpressed(delta *mat.Dense) float64 {
	read := linalg.Mul(delta, linalg.Full(u.S1)) // (c, b)
	sum := u.Desired
	outputs, inputs := delta.Dims()
	for o := range outputs {
		for i := range inputs {
			sum += float64(delta.At(o, i) * (read.At(o, i) - float64(2*u.M.At(i, o))))
		}
	}
	return sum
}
