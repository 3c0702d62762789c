package scale

import (
	"fmt"

	"github.com/tinygrow/tinygrow/coordinator/picture"
)

// Plot draws samples/s over the number of workers, and what the first row's
// rate a thread would make of their threads, into a file whose name ends in .svg or .png.
func (r Report) Plot(path string) error {
	var rates []picture.Rate
	for _, x := range r.Rows {
		rates = append(rates, picture.Rate{Workers: x.Workers, Measured: x.SamplesPerS, Ideal: x.SamplesPerS / x.Efficiency})
	}
	return picture.DrawScaling(picture.Drawing{File: path, Title: fmt.Sprintf("%s on %s, batch %d, %d cores", r.Model, r.Data,
		r.Batch, r.Cores)},
		rates)
}
