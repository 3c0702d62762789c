package config

import "testing"

func TestSynonyms(t *testing.T) {
	known := []string{"data.name", "data.dir", "train.batch", "optim.lr", "optim.weight_decay", "run_dir"}
	for name, want := range map[string]string{
		"learning_rate": "optim.lr", "optim.learning-rate": "optim.lr", "lr": "optim.lr", "train.lr": "optim.lr",
		"batch_size": "train.batch", "dataset": "data.name",
		"wd": "optim.weight_decay", "weight-decay": "optim.weight_decay", "output_dir": "run_dir", "colour": "",
	} {
		if got := Synonym(name, known); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

// A synonym that is itself the name of something would hide it.
func TestSynonymsOfWhatDoesNotExist(t *testing.T) {
	for name := range absent {
		if synonyms[name] != nil {
			t.Errorf("%s is absent and has a synonym", name)
		}
	}
	for name := range synonyms {
		if bare(name) != name {
			t.Errorf("%s is not bare", name)
		}
	}
}
