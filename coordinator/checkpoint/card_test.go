package checkpoint

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/tinygrow/tinygrow/tensor/nn"
)

func testCard() *nn.Card {
	return &nn.Card{Input: nn.Shape{C: 2, H: 1, W: 1}, Mean: []float64{0.1, 1.0 / 3}, Std: []float64{2.5, 1e-3},
		Classes: []string{"cat", "dog\n\x1b[31m", "Käfer"}, Averaged: true,
		Data: "folder", Digest: strings.Repeat("ab", 32)}
}

// savedWith saves a checkpoint of step 1 with a card.
func savedWith(t testing.TB, card *nn.Card) (dir string, c *Checkpoint) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "run")
	d, err := Create(dir, []byte("seed: 1\n"))
	if err != nil {
		t.Fatal(err)
	}
	c = testCheckpoint(4, 1)
	c.Card = card
	if err := errors.Join(d.Save(c, 1), d.Close()); err != nil {
		t.Fatal(err)
	}
	return dir, c
}

// A model file alone has what another program needs, under the names that the
// package documents.
func TestAModelFileIsComplete(t *testing.T) {
	dir, _ := savedWith(t, testCard())
	path := filepath.Join(StepDir(dir, 1), modelFile)
	m, card, err := LoadModel(path)
	if err != nil || !reflect.DeepEqual(card, testCard()) || m.Graph.NumParams() == 0 {
		t.Fatalf("card %+v, %v", card, err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var header struct { // read as the format is published, by no library
		Metadata map[string]string `json:"__metadata__"`
	}
	if err := json.Unmarshal(data[8:8+binary.LittleEndian.Uint64(data)], &header); err != nil {
		t.Fatal(err)
	}
	var p struct {
		Input     map[string]int `json:"input"`
		Mean, Std []float64
	}
	var classes []string
	var set map[string]string
	for key, to := range map[string]any{"preprocessing": &p, "classes": &classes, "data": &set, "graph": new(any)} {
		if err := json.Unmarshal([]byte(header.Metadata[key]), to); err != nil {
			t.Errorf("%s: %v", key, err)
		}
	}
	want := testCard()
	if !reflect.DeepEqual(p.Mean, want.Mean) || !reflect.DeepEqual(p.Std, want.Std) || p.Input["c"] != 2 ||
		!reflect.DeepEqual(classes, want.Classes) || set["digest"] != want.Digest {
		t.Errorf("metadata %v", header.Metadata)
	}
}

func TestACardTravelsWithItsCheckpoint(t *testing.T) {
	dir, c := savedWith(t, testCard())
	b, err := (&Dir{path: dir}).Bundle(c)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	var out bytes.Buffer
	if err := b.Write(&out); err != nil {
		t.Fatal(err)
	}
	to := filepath.Join(t.TempDir(), "run")
	if err := Unpack(to, &out, 1); err != nil {
		t.Fatal(err)
	}
	got, err := Latest(to)
	if err != nil || !reflect.DeepEqual(got.Card, testCard()) {
		t.Errorf("card %+v, %v", got.Card, err)
	}
}

// Format 3 had no card.
func TestCheckpointsOfFormat3Load(t *testing.T) {
	dir, c := savedWith(t, nil)
	s := c.State
	s.Version = 3
	data, err := s.encode()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(StepDir(dir, 1), stateFile), data, 0o644); err != nil {
		t.Fatal(err)
	}
	got, err := Latest(dir)
	if err != nil || got.Card != nil {
		t.Fatalf("card %v, %v", got, err)
	}
	if m, card, err := LoadModel(filepath.Join(StepDir(dir, 1), modelFile)); err != nil || card != nil || m == nil {
		t.Errorf("card %v, %v", card, err)
	}
}

func TestCardsThatDoNotFitAreDamage(t *testing.T) {
	for name, change := range map[string]func(*nn.Card){
		"another model's":      func(c *nn.Card) { c.Mean[0] = 7 },
		"a class too many":     func(c *nn.Card) { c.Classes = append(c.Classes, "x") },
		"a channel too few":    func(c *nn.Card) { c.Std = c.Std[:1] },
		"no deviation":         func(c *nn.Card) { c.Std[1] = 0 },
		"another shape":        func(c *nn.Card) { c.Input.H = 2 },
		"an endless class":     func(c *nn.Card) { c.Classes[0] = strings.Repeat("x", 1<<20) },
		"another data set":     func(c *nn.Card) { c.Digest = "" },
		"a steered terminal":   func(c *nn.Card) { c.Data = "folder\x1b[2J" },
		"a forged line":        func(c *nn.Card) { c.Digest = "ab\nall is well" },
		"none where one is":    nil,
		"other names":          func(c *nn.Card) { c.Classes[0], c.Classes[1] = c.Classes[1], c.Classes[0] },
		"a mean out of reach":  func(c *nn.Card) { c.Mean[1] = 256 },
		"a negative deviation": func(c *nn.Card) { c.Std[0] = -1 },
	} {
		dir, c := savedWith(t, testCard())
		other := testCard()
		if change == nil {
			other = nil
		} else {
			change(other)
		}
		info, err := modelInfo(c.Model.Graph, other)
		if err != nil {
			t.Fatal(err)
		}
		if err := new(disk).writeTensors(filepath.Join(StepDir(dir, 1), modelFile), modelTensors(c.Model), info); err != nil {
			t.Fatal(err)
		}
		if _, err := Latest(dir); !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// FuzzCard reads metadata of a model file that somebody else wrote.
func FuzzCard(f *testing.F) {
	m := testCheckpoint(4, 1).Model
	info, err := modelInfo(m.Graph, testCard())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(info[preprocessingKey], info[classesKey], info[dataKey])
	f.Add(`{"input":{"c":2,"h":1,"w":1},"mean":[1e999],"std":[null,0]}`, `["a",null,"\ud800"]`, `[]`)
	f.Fuzz(func(t *testing.T, preprocessing, classes, data string) {
		file := &tensorFile{path: "file", info: map[string]string{preprocessingKey: preprocessing, classesKey: classes, dataKey: data}}
		card, err := file.card(m.Graph)
		if err != nil {
			if !errors.Is(err, ErrDamaged) {
				t.Fatal(err)
			}
			return
		}
		if err := errors.Join(card.Validate(), card.Fits(m.Graph)); err != nil {
			t.Fatal(err)
		}
		info, err := modelInfo(m.Graph, card)
		if err != nil {
			t.Fatal(err)
		}
		again, err := (&tensorFile{path: "file", info: info}).card(m.Graph)
		if err != nil || !again.Equal(card) {
			t.Fatalf("%+v became %+v, %v", card, again, err)
		}
	})
}
