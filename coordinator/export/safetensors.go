package export

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"

	"github.com/tinygrow/tinygrow/coordinator/checkpoint"
	"github.com/tinygrow/tinygrow/tensor/nn"
)

const (
	configFile = "config.json"
	cardFile   = "README.md"
)

// writeSafetensors writes a directory with the model's file, config.json and a model card.
func writeSafetensors(s *Source, path string) error {
	if err := os.Mkdir(path, 0o755); err != nil {
		return err
	}
	if err := checkpoint.WriteModel(filepath.Join(path, checkpoint.ModelFile), s.Model, s.Card); err != nil {
		return err
	}
	config := struct {
		Architectures []string          `json:"architectures"`
		ModelType     string            `json:"model_type"`
		SHA256        string            `json:"model_sha256"`
		Parameters    int               `json:"num_parameters"`
		FLOPs         int64             `json:"flops_per_sample"`
		Card          *nn.Card          `json:"preprocessing"`
		Labels        map[string]string `json:"id2label"`
		IDs           map[string]int    `json:"label2id"`
		Graph         *nn.Graph         `json:"graph"`
	}{[]string{"tinygrow"}, "tinygrow", checkpoint.ModelSHA256(s.Model), len(s.Model.Params), s.Model.Graph.FLOPs(), s.Card,
		map[string]string{}, map[string]int{}, s.Model.Graph}
	if s.Card != nil {
		for i, name := range s.Card.Classes {
			config.Labels[strconv.Itoa(i)], config.IDs[name] = name, i
		}
	}
	text, err := json.MarshalIndent(config, "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(path, configFile), append(text, '\n'), 0o644); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(path, cardFile), []byte(modelCard(s)), 0o644)
}
