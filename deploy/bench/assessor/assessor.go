// Package assessor measures how well final accuracies are foretold of runs that were held out: by deploy/run/predictor,
// and by plain extrapolations of their curves. It reads records of runs (tinygrow runs --records) and trains nothing.
package assessor

import (
	"fmt"
	"math"

	"github.com/tinygrow/tinygrow/deploy/bench/stat"
	"github.com/tinygrow/tinygrow/deploy/run/predictor"
	"github.com/tinygrow/tinygrow/deploy/run/record"
	"github.com/tinygrow/tinygrow/tensor/rng"
)

// Ways to foretell.
const (
	Last     = "accuracy seen last"
	PowerLaw = "power law of the loss"
	Network  = "network and settings"
	Accuracy = "network, settings and that accuracy" // as a sweep does
	Both     = "network, settings and curve"
)

// Row is how good a way is that knows a part of each curve.
type Row struct {
	Part float64 // of the budget; 0: nothing of the curve
	Way  string
	// Rank is the rank correlation of what is foretold with the accuracies at the end, over all runs, each held out once: the mean
	// over Splits ways to hold out, and Spread the deviation over them.
	Rank, Spread float64
	// Error is the root mean squared error, and Said the error that the predictor tells; 0: the way has none.
	Error, Said float64
}

// Folds is into how many parts runs are cut, of which each is held out once, Splits how often they are cut anew.
const (
	Folds  = 5
	Splits = 20
)

// HeldOut measures all ways at some parts of the budget. Records without an end are left out.
func HeldOut(all []record.Record, parts []float64) (rows []Row, err error) {
	var list []record.Record
	for _, r := range all {
		if r.Final != nil {
			list = append(list, r)
		}
	}
	if len(list) < 2*Folds {
		return nil, fmt.Errorf("%d runs are at their end, and %d are needed", len(list), 2*Folds)
	}
	row, err := foretell(list, Network, 0)
	if err != nil {
		return nil, err
	}
	rows = append(rows, row)
	for _, part := range parts {
		var last, law, finals []float64
		for _, r := range list {
			seen, ok := r.Seen(part)
			if !ok {
				return nil, fmt.Errorf("run %s has no curve up to %v of its budget", r.Name, part)
			}
			var at, losses []float64
			for _, p := range r.CurveUpTo(part) {
				at, losses = append(at, p.Part), append(losses, p.Loss)
			}
			last, law, finals = append(last, seen[0]), append(law, -predictor.PowerLaw(at, losses)), append(finals, r.Final.Accuracy)
		}
		rows = append(rows, Row{Part: part, Way: Last, Rank: stat.Spearman(last, finals)},
			Row{Part: part, Way: PowerLaw, Rank: stat.Spearman(law, finals)})
		for _, way := range []string{Accuracy, Both} {
			row, err := foretell(list, way, part)
			if err != nil {
				return nil, err
			}
			rows = append(rows, row)
		}
	}
	return rows, nil
}

// foretell measures the predictor in one way.
func foretell(list []record.Record, way string, part float64) (Row, error) {
	row := Row{Part: part, Way: way}
	samples, finals := make([]predictor.Sample, len(list)), make([]float64, len(list))
	for i, r := range list {
		finals[i] = r.Final.Accuracy
		samples[i] = predictor.Sample{Features: record.Features(r.Graph, r.Settings), Final: finals[i]}
		seen, _ := r.Seen(part)
		switch way {
		case Accuracy:
			samples[i].Seen = seen[:1]
		case Both:
			samples[i].Seen = seen
		}
	}
	var ranks []float64
	for split := range uint64(Splits) {
		foretold := make([]float64, len(list))
		order := rng.New(split, rng.Key("folds")).Perm(len(list))
		for fold := range Folds {
			for k, i := range order {
				samples[i].Labelled = k%Folds != fold
			}
			p, ok := predictor.Predict(samples)
			if !ok {
				return row, fmt.Errorf("nothing is foretold of %d runs", len(list))
			}
			row.Said += float64(p.Error / (Folds * Splits))
			for k, i := range order {
				if k%Folds == fold {
					foretold[i] = p.Accuracy[i]
				}
			}
		}
		ranks = append(ranks, stat.Spearman(foretold, finals))
		for i, v := range foretold {
			d := v - finals[i]
			row.Error += float64(d*d) / float64(len(list)*Splits)
		}
	}
	row.Error = math.Sqrt(row.Error)
	for _, r := range ranks {
		row.Rank += float64(r / Splits)
	}
	for _, r := range ranks {
		d := r - row.Rank
		row.Spread += float64(float64(d*d) / Splits)
	}
	row.Spread = math.Sqrt(row.Spread)
	return row, nil
}
