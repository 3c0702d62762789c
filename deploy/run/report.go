package run

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"time"

	"github.com/tinygrow/tinygrow/coordinator/checkpoint"
	"github.com/tinygrow/tinygrow/coordinator/ui"
	"github.com/tinygrow/tinygrow/coordinator/view"
	"github.com/tinygrow/tinygrow/tensor/kernel"
	"github.com/tinygrow/tinygrow/worker/dataset"
)

// ReportFile is where the report of a run lies in its directory.
const ReportFile = "report.html"

// Reporting says how reports are made.
type Reporting struct {
	Program string // the program that makes them, with its version
	Out     string // file to write
}

// Assessed returns what the model of the run in its directory says of the test
// samples: as it was written down, if that is of this model, or else computed from
// the data set of the settings and then written down.
func (s *Saved) Assessed(ctx context.Context, dir string) (*view.Assessment, error) {
	a, err := view.ReadAssessment(dir)
	if err == nil && a != nil && a.ModelSHA256 == checkpoint.ModelSHA256(s.Model) {
		return a, nil
	}
	set, err := s.TestData()
	if err != nil {
		return nil, err
	}
	return s.assessInto(ctx, dir, set)
}

// assessInto computes an assessment and writes it into the run's directory.
func (s *Saved) assessInto(ctx context.Context, dir string, set *dataset.Set) (*view.Assessment, error) {
	a, err := s.Assess(ctx, set)
	if err != nil || a == nil {
		return nil, err
	}
	if err := a.Write(dir); err != nil {
		return a, as(ErrRun, err)
	}
	return a, nil
}

// Report writes the report of the run in dir into r.Out. Without an assessment it
// has no confusion matrix.
func (r Reporting) Report(dir string, a *view.Assessment) error {
	v, err := view.Open(dir)
	if err != nil {
		return as(ErrRun, err)
	}
	return r.write(ui.Report{Title: v.Info().Name + ": how it grew", Runs: []ui.Included{{Run: v, Assessment: a}},
		Environment: r.environment()})
}

// Compare writes a page that compares the runs in some directories into r.Out.
func (r Reporting) Compare(dirs []string) error {
	page := ui.Report{Title: fmt.Sprintf("%d runs compared", len(dirs))}
	for _, dir := range dirs {
		v, err := view.Open(dir)
		if err != nil {
			return as(ErrRun, err)
		}
		page.Runs = append(page.Runs, ui.Included{Run: v})
	}
	return r.write(page)
}

// write puts a page in place of r.Out, whole or not at all.
func (r Reporting) write(page ui.Report) error {
	page.Made = fmt.Sprintf("%s, %s", r.Program, time.Now().UTC().Format(time.DateOnly))
	f, err := os.CreateTemp(filepath.Dir(r.Out), ".report-*")
	if err != nil {
		return usagef("the report cannot be written: %w: name another file with --out", err)
	}
	defer os.Remove(f.Name())
	err = errors.Join(page.Write(f), f.Chmod(0o644), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), r.Out)
	}
	if err != nil {
		return fmt.Errorf("report %s: %w", r.Out, err)
	}
	return nil
}

// environment says what a report was made with.
func (r Reporting) environment() []view.Setting {
	return []view.Setting{{Key: "program", Value: r.Program}, {Key: "go", Value: runtime.Version()},
		{Key: "system", Value: runtime.GOOS + "/" + runtime.GOARCH}, {Key: "kernels", Value: kernel.Active().String()},
		{Key: "processors", Value: strconv.Itoa(runtime.NumCPU())}}
}

// reportEnd writes the assessment and the report of a run that is complete. That it
// cannot is told and is no failure of the run.
func (s *Settings) reportEnd(ctx context.Context, set *dataset.Set, con Console) {
	if !s.Report || ctx.Err() != nil {
		return
	}
	err := func() error {
		saved, err := Open(s.RunDir)
		if err != nil {
			return err
		}
		saved.Settings.Worker = s.Worker
		var a *view.Assessment
		if set.Len(dataset.Test) > 0 {
			if a, err = saved.assessInto(ctx, s.RunDir, set); err != nil {
				return err
			}
		}
		return Reporting{Program: s.Worker.Program, Out: filepath.Join(s.RunDir, ReportFile)}.Report(s.RunDir, a)
	}()
	if err != nil {
		con.Line("the run is complete, but its report could not be written: %v; tinygrow report %s makes it", err, s.RunDir)
	}
}
