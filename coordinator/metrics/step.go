package metrics

import (
	"math"
	"strconv"
	"time"

	"github.com/tinygrow/tinygrow/coordinator/trainer"
	"github.com/tinygrow/tinygrow/proto"
)

// KindStep is the kind of the lines of steps.
const KindStep = "step"

// whole is how often the line of a step has everything.
const whole = 256

// digits are those of numbers in the line of a step.
const digits = 6

// A pace is an average and told with few digits, and again once it differs by so much.
const (
	paceDigits = 3
	paceNews   = 0.02
)

// Measured is what is known of a step beside its record. It differs from one run of
// the same steps to the next.
type Measured struct {
	Wall       time.Duration // since this process took the run up
	SamplesSec float64
	Workers    int
	StandIn    bool // the workers compute nothing
}

// line is the line of a step.
type line struct {
	Kind       string            `json:"kind"`
	Step       proto.Step        `json:"step"`
	Epoch      *float64          `json:"epoch,omitempty"`
	Generation *proto.Generation `json:"generation,omitempty"`
	Params     *int              `json:"params,omitempty"`
	Samples    *int              `json:"samples,omitempty"`
	Loss       *float64          `json:"loss,omitempty"`
	Accuracy   *float64          `json:"accuracy,omitempty"`
	LR         *float64          `json:"lr,omitempty"`
	GradNorm   *float64          `json:"grad_norm,omitempty"`
	GradCosine *float64          `json:"grad_cosine,omitempty"`
	NoiseScale *float64          `json:"noise_scale,omitempty"`
	Steps      *int              `json:"steps,omitempty"`
	Digest     string            `json:"digest"`
	WallS      float64           `json:"wall_s"`
	SamplesSec *float64          `json:"samples_per_s,omitempty"`
	Workers    *int              `json:"workers,omitempty"`
	StandIn    bool              `json:"stand_in,omitempty"`
}

// Steps writes the lines of steps that follow one another.
type Steps struct {
	any    bool
	before trainer.StepRecord // the last one, as it was written
	told   Measured
}

// Line returns what to write of a step, as JSON.
func (s *Steps) Line(r *trainer.StepRecord, m Measured) any {
	now := *r
	now.Epoch, now.Loss, now.Accuracy, now.LR = Short(r.Epoch), Short(r.Loss), Short(r.Accuracy), Short(r.LR)
	now.GradNorm, now.GradCosine, now.NoiseScale = Short(r.GradNorm), Short(r.GradCosine), Short(r.NoiseScale)
	if m.SamplesSec = rounded(m.SamplesSec, paceDigits); s.any && math.Abs(m.SamplesSec-s.told.SamplesSec) <= paceNews*s.told.SamplesSec {
		m.SamplesSec = s.told.SamplesSec
	}
	b := &s.before
	all := !s.any || r.Step/whole != b.Step/whole
	l := line{Kind: KindStep, Step: r.Step, Epoch: news(all, now.Epoch, b.Epoch), Generation: news(all, now.Generation, b.Generation),
		Params: news(all, now.Params, b.Params), Samples: news(all, now.Samples, b.Samples), Loss: news(all, now.Loss, b.Loss),
		Accuracy: news(all, now.Accuracy, b.Accuracy), LR: news(all, now.LR, b.LR), GradNorm: some(all, now.GradNorm, b.GradNorm),
		GradCosine: some(all, now.GradCosine, b.GradCosine), NoiseScale: some(all, now.NoiseScale, b.NoiseScale),
		Steps: some(all, now.Steps, b.Steps), Digest: r.Digest,
		WallS:      m.Wall.Round(time.Millisecond).Seconds(),
		SamplesSec: news(all, m.SamplesSec, s.told.SamplesSec), Workers: news(all, m.Workers, s.told.Workers),
		StandIn: m.StandIn}
	s.any, s.before, s.told = true, now, m
	return l
}

// news returns a value that has to be written, or nil if it is as before.
func news[T comparable](all bool, now, before T) *T {
	if !all && now == before {
		return nil
	}
	return &now
}

// some is news of a value that is 0 where there is none, which is written only behind another.
func some[T int | float64](all bool, now, before T) *T { return news(all && now != 0, now, before) }

// Short returns a number as the line of a step has it.
func Short(v float64) float64 { return rounded(v, digits) }

// rounded returns v with so many significant digits.
func rounded(v float64, digits int) float64 {
	var text [32]byte
	short, err := strconv.ParseFloat(string(strconv.AppendFloat(text[:0], v, 'g', digits, 64)), 64)
	if err != nil {
		return v // it is rounded beyond the largest number
	}
	return short
}
