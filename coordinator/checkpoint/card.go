package checkpoint

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/tinygrow/tinygrow/tensor/nn"
)

// Keys of the metadata of a model file.
const (
	graphKey         = "graph"
	preprocessingKey = "preprocessing"
	classesKey       = "classes"
	dataKey          = "data"
	weightsKey       = "weights"  // averaged, or nothing
	taskKey          = "task"     // what the outputs are, or nothing for classes
	standInKey       = "stand_in" // true for weights of stand-ins, or nothing
	tableKey         = "table"    // how rows of a table become inputs, or nothing for pictures
)

// preprocessing is how a model's inputs are made, in the metadata of its file.
type preprocessing struct {
	Input nn.Shape  `json:"input"`
	Mean  []float64 `json:"mean"`
	Std   []float64 `json:"std"`
}

// trainedOn identifies a data set in the metadata of a model file.
type trainedOn struct {
	Name   string `json:"name"`
	Digest string `json:"digest"`
}

// modelInfo returns the metadata of a model file.
func modelInfo(g *nn.Graph, card *nn.Card) (map[string]string, error) {
	info := map[string]string{"format": "pt", graphKey: string(g.JSON())}
	if card == nil {
		return info, nil
	}
	type part struct {
		key   string
		value any
	}
	parts := []part{
		{preprocessingKey, preprocessing{card.Input, card.Mean, card.Std}},
		{classesKey, card.Classes},
		{dataKey, trainedOn{card.Data, card.Digest}},
	}
	if card.Table != nil {
		parts = append(parts, part{tableKey, card.Table})
	}
	for _, part := range parts {
		text, err := json.Marshal(part.value)
		if err != nil {
			return nil, fmt.Errorf("%s of a model: %w", part.key, err)
		}
		info[part.key] = string(text)
	}
	if card.Averaged {
		info[weightsKey] = averaged
	}
	if card.StandIn {
		info[standInKey] = "true"
	}
	if !card.Task.Labelled() {
		info[taskKey] = string(card.Task)
	}
	return info, nil
}

// averaged are weights that are a moving average.
const averaged = "averaged"

// Describe returns what a model file says beside its tensors, each as JSON under the
// names that the package lists: for files of other formats that hold the same.
func Describe(g *nn.Graph, card *nn.Card) (map[string]string, error) { return modelInfo(g, card) }

// Described reads what Describe wrote, of the file at path. The card is nil if there is none.
func Described(path string, info map[string]string) (*nn.Graph, *nn.Card, error) {
	g, err := nn.ParseGraph([]byte(info[graphKey]))
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %s: %w", ErrDamaged, path, err)
	}
	card, err := (&tensorFile{path: path, info: info}).card(g)
	return g, card, err
}

// WriteModel writes a model file alone.
func WriteModel(path string, m *nn.Model, card *nn.Card) error {
	info, err := modelInfo(m.Graph, card)
	if err != nil {
		return err
	}
	return new(disk).writeTensors(path, modelTensors(m), info)
}

// card returns the card in a model file of architecture g; nil if it has none.
func (f *tensorFile) card(g *nn.Graph) (*nn.Card, error) {
	if _, ok := f.info[preprocessingKey]; !ok {
		return nil, nil
	}
	var p preprocessing
	var data trainedOn
	var card nn.Card
	var faults []error
	for _, part := range []struct {
		key string
		to  any
	}{{preprocessingKey, &p}, {classesKey, &card.Classes}, {dataKey, &data}} {
		if err := json.Unmarshal([]byte(f.info[part.key]), part.to); err != nil {
			faults = append(faults, fmt.Errorf("%s: %w", part.key, err))
		}
	}
	card.Input, card.Mean, card.Std, card.Data, card.Digest = p.Input, p.Mean, p.Std, data.Name, data.Digest
	card.Averaged, card.Task = f.info[weightsKey] == averaged, nn.Task(f.info[taskKey])
	_, card.StandIn = f.info[standInKey]
	if text, is := f.info[tableKey]; is {
		card.Table = new(nn.Table)
		if err := json.Unmarshal([]byte(text), card.Table); err != nil {
			faults = append(faults, fmt.Errorf("%s: %w", tableKey, err))
		}
	}
	if faults == nil {
		faults = append(faults, card.Validate(), card.Fits(g))
	}
	if err := errors.Join(faults...); err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrDamaged, f.path, err)
	}
	return &card, nil
}

// ReadGraph reads the architecture and the card of a model file, and not its
// weights. The card is nil in a file of an earlier version.
func ReadGraph(path string) (*nn.Graph, *nn.Card, error) {
	info, err := readInfo(path)
	if err != nil {
		return nil, nil, err
	}
	return Described(path, info)
}
