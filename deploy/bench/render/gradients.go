package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/tinygrow/tinygrow/deploy/bench/stat"
)

// gradientsReport is what deploy/bench/gradients prints.
type gradientsReport struct {
	Seeds  int
	Points []gradientsPoint
	Inits  []struct {
		Init     string
		Rate     float64
		Steps    int
		Diverged int
		Losses   []*float64
		Scales   []float64
	}
}

type gradientsPoint struct {
	Rate                float64
	Batch, Steps, Seed  int
	Cosine              float64
	NoiseScale          float64 `json:"noise_scale"`
	Loss                float64
	More, Larger, Wider float64
}

// noiseTable renders what gradients said of networks beside what came of four times the
// computation, and how the one ranks the other.
func noiseTable(raw []byte) (string, error) {
	var r gradientsReport
	if err := json.Unmarshal(raw, &r); err != nil {
		return "", err
	}
	if len(r.Points) == 0 {
		return "", errors.New("it has no points")
	}
	var b strings.Builder
	b.WriteString("| rate | steps before | cosine | noise scale | loss | more steps | larger batch | wider network |\n" +
		"|---:|---:|---:|---:|---:|---:|---:|---:|\n")
	for i := 0; i < len(r.Points); {
		first, n, mean := r.Points[i], 0.0, gradientsPoint{}
		logs := 0.0
		for ; i < len(r.Points) && r.Points[i].Rate == first.Rate && r.Points[i].Steps == first.Steps; i++ {
			p := r.Points[i]
			n++
			mean.Cosine += p.Cosine
			logs += math.Log(p.NoiseScale)
			mean.Loss += p.Loss
			mean.More += p.More
			mean.Larger += p.Larger
			mean.Wider += p.Wider
		}
		fmt.Fprintf(&b, "| %.3g | %d | %.2f | %.0f | %.3f | %.3f | %.3f | %.3f |\n", first.Rate, first.Steps, mean.Cosine/n,
			math.Exp(logs/n), mean.Loss/n, mean.More/n, mean.Larger/n, mean.Wider/n)
	}
	fmt.Fprintf(&b, "\nMeans over %d seeds, of the noise scale the geometric one.\n\n", r.Seeds)
	b.WriteString("| rank correlation over all points with | cosine | noise scale |\n|---|---:|---:|\n")
	for _, gain := range []struct {
		name string
		of   func(p gradientsPoint) float64
	}{
		{"what a larger batch gains", func(p gradientsPoint) float64 { return p.Loss - p.Larger }},
		{"what a wider network gains", func(p gradientsPoint) float64 { return p.Loss - p.Wider }},
		{"what a larger batch gains beyond a wider network", func(p gradientsPoint) float64 { return p.Wider - p.Larger }},
		{"what a larger batch gains beyond more steps", func(p gradientsPoint) float64 { return p.More - p.Larger }},
	} {
		var gains, cosines, scales []float64
		for _, p := range r.Points {
			gains, cosines, scales = append(gains, gain.of(p)), append(cosines, p.Cosine), append(scales, p.NoiseScale)
		}
		fmt.Fprintf(&b, "| %s | %.2f | %.2f |\n", gain.name, stat.Spearman(gains, cosines), stat.Spearman(gains, scales))
	}
	return b.String(), nil
}

// initsTable renders how runs went that began with different weights.
func initsTable(raw []byte) (string, error) {
	var r gradientsReport
	if err := json.Unmarshal(raw, &r); err != nil {
		return "", err
	}
	if len(r.Inits) == 0 {
		return "", errors.New("it has no first weights")
	}
	var b strings.Builder
	b.WriteString("| rate | first weights | steps | diverged | losses at the end | scales |\n|---:|---|---:|---:|---|---|\n")
	for _, i := range r.Inits {
		var losses []string
		for _, l := range i.Losses {
			text := "none"
			if l != nil {
				text = fmt.Sprintf("%.2f", *l)
			}
			losses = append(losses, text)
		}
		scales := ""
		if len(i.Scales) == 2 {
			scales = fmt.Sprintf("%.2f to %.2f", i.Scales[0], i.Scales[1])
		}
		fmt.Fprintf(&b, "| %.3g | %s | %d | %d of %d | %s | %s |\n", i.Rate, i.Init, i.Steps, i.Diverged, len(i.Losses),
			strings.Join(losses, ", "), scales)
	}
	return b.String(), nil
}
