package run

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"

	"github.com/tinygrow/tinygrow/deploy/run/config"
)

// compiled returns the schema of all settings as an independent library reads it.
func compiled(t *testing.T) *jsonschema.Schema {
	t.Helper()
	base := Defaults()
	text, err := config.Schema(&base, "settings", Notes())
	if err != nil {
		t.Fatal(err)
	}
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("settings.json", document); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("settings.json") // checks it against the schema of schemas
	if err != nil {
		t.Fatal(err)
	}
	if s.DraftVersion != 2020 {
		t.Errorf("draft %d", s.DraftVersion)
	}
	return s
}

// instance reads YAML as JSON values.
func instance(t *testing.T, document string) any {
	t.Helper()
	var value any
	if err := yaml.Unmarshal([]byte(document), &value); err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	out, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// Configuration files that are shipped are those that the schema describes.
func TestSchemaTakesWhatIsShipped(t *testing.T) {
	schema := compiled(t)
	var seen []string
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		name := filepath.ToSlash(path)
		if err != nil || d.IsDir() || !strings.HasSuffix(name, "/config.yaml") && !strings.HasPrefix(name, "../recipes/") &&
			!slices.Contains([]string{"../test/builds/small.yaml", "../test/compose/fetch.yaml"}, name) {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		seen = append(seen, name)
		if err := schema.Validate(instance(t, string(text))); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := (Given{File: path}).Describe(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		return nil
	})
	if err != nil || len(seen) < 10 {
		t.Errorf("looked at %v: %v", seen, err)
	}
	base := Defaults()
	text, err := config.Encode(&base)
	if err != nil {
		t.Fatal(err)
	}
	if err := schema.Validate(instance(t, string(text))); err != nil {
		t.Errorf("what config print writes: %v", err)
	}
}

func TestSchemaRefusesWhatIsWrong(t *testing.T) {
	schema := compiled(t)
	for _, right := range []string{"{}", "optim:", "optim: {lr: 1e-3}", "cluster: {lost_after: 1m30s}", "growth: {widths: {conv1: 3}}", "model: {widths: [0, 4]}",
		"optim: {momentum: 0}", "train: {target_accuracy: 1}"} {
		if err := schema.Validate(instance(t, right)); err != nil {
			t.Errorf("%s: %v", right, err)
		}
	}
	for _, wrong := range []string{"optm: {lr: 0.1}", "optim: {rl: 0.1}", "optim: {lr: 0}", "optim: {lr: fast}", "optim: {momentum: 1}", "optim: 3", "seed: 1",
		"train: {batch: 0}", "train: {batch: 1.5}", "train: {target_accuracy: 1.01}", "growth: {policy: best}", "cluster: {lost_after: 5}",
		"cluster: {lost_after: fast}", "growth: {widths: {conv1: x}}", "model: {widths: 4}", "model: {widths: [a]}", "data: {seed: -1}", "report: yes-please"} {
		if schema.Validate(instance(t, wrong)) == nil {
			t.Errorf("the schema takes %s", wrong)
		}
		name := filepath.Join(t.TempDir(), "wrong.yaml")
		if err := os.WriteFile(name, []byte(wrong), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := (Given{File: name}).Describe(); err == nil {
			t.Errorf("the program takes %s, the schema does not", wrong)
		}
	}
}

// Whatever one key is set to that the program takes, the schema takes.
func TestSchemaTakesWhatKeysTake(t *testing.T) {
	schema := compiled(t)
	for _, n := range Notes() {
		for _, value := range append(slices.Clone(n.Values.OneOf), "1", "true", "a", "5s", "[1]", "{conv1: 1}") {
			s := Defaults()
			if refusal(n.Key, value) != nil {
				continue
			}
			if err := config.Set(&s, "test", n.Key, value); err != nil {
				t.Fatal(err)
			}
			text, err := config.Encode(&s)
			if err != nil {
				t.Fatal(err)
			}
			if err := schema.Validate(instance(t, string(text))); err != nil {
				t.Errorf("%s=%s: %v", n.Key, value, err)
			}
		}
	}
}
