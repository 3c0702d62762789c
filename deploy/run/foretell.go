package run

import (
	"context"

	"github.com/tinygrow/tinygrow/coordinator/trainer"
	"github.com/tinygrow/tinygrow/growth"
	"github.com/tinygrow/tinygrow/worker/dataset"
)

// Foretell measures every site where neurons could be added and, where decide is
// set, goes through the whole growth event that would be next. It changes nothing.
func (s *Saved) Foretell(ctx context.Context, decide bool) (sites []growth.SiteRecord, event *growth.Record, err error) {
	set, err := s.Data()
	if err != nil {
		return nil, nil, err
	}
	info, err := s.nextEvent(set)
	if err != nil {
		return nil, nil, err
	}
	l := s.local(set)
	o, err := l.Grow(ctx, s.Model, growth.NewInspection(s.Settings.Growth, s.Model, info), info)
	if err != nil {
		return nil, nil, err
	}
	if sites = o.Record.Sites; !decide {
		return sites, nil, nil
	}
	info.DryRun = true
	if o, err = l.Grow(ctx, s.Model, growth.NewEvent(s.Settings.Growth, s.Model, nil, info), info); err != nil {
		return nil, nil, err
	}
	return sites, o.Record, nil
}

// nextEvent describes the growth event that would be next: where the run
// stands, so that it reads the samples that the run's own event would.
func (s *Saved) nextEvent(set *dataset.Set) (growth.EventInfo, error) {
	var at trainer.Progress
	if s.State != nil {
		var err error
		if at, err = s.progress(); err != nil {
			return growth.EventInfo{}, err
		}
	}
	c := trainer.Settings{Train: s.Settings.Train, Optimizer: s.Settings.Optimizer, Growth: s.Settings.Growth,
		Data: trainer.Data{Train: set.Len(dataset.Train), Test: set.Len(dataset.Test)}}
	return c.NextEvent(at, s.Model.Graph)
}
