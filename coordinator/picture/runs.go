package picture

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"

	"github.com/tinygrow/tinygrow/coordinator/checkpoint"
	"github.com/tinygrow/tinygrow/coordinator/trainer"
	"github.com/tinygrow/tinygrow/growth"
	"github.com/tinygrow/tinygrow/proto/file"
)

// GainsOf draws the gains of all growth events of the runs in these directories.
func GainsOf(d Drawing, runs []string) error {
	var gains []Gain
	for _, run := range runs {
		var events []growth.Record
		if err := eachLine(filepath.Join(run, checkpoint.JournalFile), func(line []byte) error {
			var r growth.Record
			err := json.Unmarshal(line, &r)
			events = append(events, r)
			return err
		}); err != nil {
			return err
		}
		gains = append(gains, Gains(events)...)
	}
	return DrawGains(d, gains)
}

// Accuracy draws the accuracy of the runs in these directories over their epochs.
func Accuracy(d Drawing, runs []string) error {
	var courses []Course
	for _, run := range runs {
		course := Course{Split: "test", Name: filepath.Base(filepath.Clean(run))}
		if err := eachLine(filepath.Join(run, checkpoint.MetricsFile), func(line []byte) error {
			var r trainer.EvalRecord
			if err := json.Unmarshal(line, &r); err != nil {
				return err
			}
			if r.Kind == "evaluation" && r.Split == "validation" && course.Split != r.Split {
				course.Split, course.Points = r.Split, nil // these were made along the way, that on the test samples at the end only
			}
			if r.Kind == "evaluation" && r.Split == course.Split {
				course.Metric = r.Metric
				course.Points = append(course.Points, Point{Epoch: r.Epoch, Accuracy: r.Accuracy, Params: r.Params})
			}
			return nil
		}); err != nil {
			return err
		}
		courses = append(courses, course)
	}
	return DrawAccuracy(d, courses)
}

// eachLine calls take for every whole line of a file of a run directory; a run
// that is being written may end in half of one.
func eachLine(path string, take func(line []byte) error) error {
	log, _, err := file.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s: %w: it has no %s", filepath.Dir(path), checkpoint.ErrNoRun, filepath.Base(path))
	}
	if err != nil {
		return err
	}
	defer log.Close()
	in := bufio.NewReader(log)
	for n := 1; ; n++ {
		line, err := file.Line(in, checkpoint.MaxLine)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := take(line); err != nil {
			return fmt.Errorf("%s: line %d: %w: %w", path, n, checkpoint.ErrDamaged, err)
		}
	}
}
