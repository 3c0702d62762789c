package run

import (
	"errors"
	"fmt"

	"github.com/tinygrow/tinygrow/deploy/run/config"
	"github.com/tinygrow/tinygrow/proto/file"
	"github.com/tinygrow/tinygrow/tensor/nn"
	"github.com/tinygrow/tinygrow/tensor/nn/netfile"
)

// readsNetwork makes a source of settings read the file that it names as the model. A
// source that gives the text too, as the configuration of a run, reads none.
func readsNetwork(set func(*Settings) error) func(*Settings) error {
	return func(out *Settings) error {
		was := out.Model
		m := &out.Model
		m.Name, m.Text, m.SHA256 = "", "", ""
		err := set(out)
		if m.Name == "" && m.Text == "" && m.SHA256 == "" {
			m.Name, m.Text, m.SHA256 = was.Name, was.Text, was.SHA256
			return err
		}
		if m.Name == "" {
			m.Name = was.Name
		}
		if m.Text == "" && m.SHA256 == "" && nn.IsFile(m.Name) {
			var failed error
			m.Name, m.Text, failed = readNetwork(m.Name)
			err = errors.Join(err, failed)
		}
		if m.SHA256 == "" {
			m.SHA256 = nn.TextDigest(m.Text)
		}
		return err
	}
}

// readNetwork returns the text of a file that describes a network, and its name with the
// home directory written out.
func readNetwork(name string) (path, text string, err error) {
	if path, err = config.ExpandHome(name); err != nil {
		return name, "", fmt.Errorf("model.name: %w", err)
	}
	data, err := file.Read(path, netfile.MaxText)
	if err != nil {
		return path, "", fmt.Errorf("model.name: %w", err)
	}
	if len(data) == 0 {
		return path, "", fmt.Errorf("model.name: %s is empty: a network has layers", path)
	}
	return path, string(data), nil
}

// shapeOf returns what is known of a data set by its name alone.
func shapeOf(data string) (input nn.Shape, classes int, known bool) {
	switch data {
	case "shapes", "cifar10":
		return nn.Shape{C: 3, H: 32, W: 32}, 10, true
	case "cifar100":
		return nn.Shape{C: 3, H: 32, W: 32}, 100, true
	case "mnist", "fashion-mnist":
		return nn.Shape{C: 1, H: 28, W: 28}, 10, true
	}
	return nn.Shape{C: 3, H: 32, W: 32}, 10, false
}

// checkModel builds the model, for a stand-in where the data set is not known yet. A network
// of one's own may not fit that, so it is then looked at when the data are there, and nil here.
func (s *Settings) checkModel() (*nn.Graph, error) {
	m := s.Model
	input, classes, known := shapeOf(s.Data.Name)
	if m.Text == "" { // networks of the zoo fit any data
		input, classes, _ = shapeOf("")
	}
	if m.Input != (nn.Shape{}) {
		input = m.Input
	}
	if m.Classes != 0 {
		classes = m.Classes
	}
	m.Input, m.Classes = input, classes
	switch {
	case m.Text == "" && m.SHA256 != "" && nn.IsFile(m.Name):
		return nil, nil // who has the run has the text
	case m.Text != "" && !known && (s.Model.Input == (nn.Shape{}) || s.Model.Classes == 0):
		_, err := netfile.Parse(m.Name, m.Text)
		return nil, err
	}
	return nn.Build(m)
}

// sameNetwork lets a file count as the one that a run was begun with if it has the same text.
func (s *Settings) sameNetwork(run *Settings) {
	if s.Model.SHA256 != "" && s.Model.SHA256 == run.Model.SHA256 {
		s.Model.Name, s.Model.Text = run.Model.Name, run.Model.Text
	}
}

// Graph returns the network that a run of these settings begins with, on pictures like
// those of CIFAR-10 where the data set does not say otherwise by its name.
func (s *Settings) Graph() (*nn.Graph, error) {
	g, err := s.checkModel()
	if err == nil && g == nil {
		err = usagef("model.name %s: its inputs are not known: give model.input and model.classes", s.Model.Name)
	}
	return g, err
}
