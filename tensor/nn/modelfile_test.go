package nn

import (
	"bytes"
	"reflect"
	"strings"
	"testing"
)

// Every field of a node can be written in a file, so that a new one cannot be forgotten.
func TestWordsAreTheFieldsOfNodes(t *testing.T) {
	var n Node
	fields := map[uintptr]string{}
	v := reflect.ValueOf(&n).Elem()
	for i := range v.NumField() {
		if name := v.Type().Field(i).Name; name != "ID" && name != "Op" && name != "Inputs" {
			fields[v.Field(i).Addr().Pointer()] = name
		}
	}
	for _, w := range words {
		p := reflect.ValueOf(w.field(&n)).Pointer()
		if fields[p] == "" {
			t.Errorf("word %s is of no field, or of one that has another", w.name)
		}
		delete(fields, p)
	}
	for _, name := range fields {
		t.Errorf("no word writes Node.%s: add it to words", name)
	}
}

// build makes the graph of a file for ten classes of 3x32x32 images.
func build(text string, parameters map[string]string) (*Graph, error) {
	return Build(ModelConfig{Name: "net.yaml", Text: text, Input: Shape{3, 32, 32}, Classes: 10, Parameters: parameters})
}

func TestPrintedNetworksAreReadBack(t *testing.T) {
	graphs := map[string]*Graph{"tiny": tinyNet()}
	for name, g := range smallGraphs() {
		graphs[name] = g
	}
	for _, name := range Zoo {
		g, err := Build(ModelConfig{Name: name, Input: Shape{3, 32, 32}, Classes: 7, LabelSmoothing: 0.1, EmptyBlocks: strings.HasPrefix(name, "res")})
		if err != nil {
			t.Fatal(err)
		}
		graphs[name] = g
	}
	for name, g := range graphs {
		text, err := Print(g)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		back, err := Build(ModelConfig{Name: "net.yaml", Text: text, Input: g.Input, Classes: g.mustShapes()[g.Output().ID].C})
		if err != nil && strings.Contains(err.Error(), "put a flatten before it") {
			continue // graphs of tests that no file has
		}
		if err != nil || !bytes.Equal(g.JSON(), back.JSON()) {
			t.Errorf("%s: %v\n%s", name, err, text)
		}
	}
}

// What a file says in few lines is the network that is meant.
func TestBlocksAndRepeats(t *testing.T) {
	g, err := build(`
parameters: {width: 4, wide: width * 2, kind: gelu}
blocks:
  down:
    parameters: {out: , half: out / 2, act: relu}
    layers:
      conv: {conv2d: {out: half, kernel: 3, stride: 2, padding: 1}}
      act: act
      wide: {conv2d: {out: "max(out, input.channels)", kernel: 1}}
layers:
  stage: {down: {out: wide}, repeat: 2, first: {out: wide * 2, act: kind}}
  side: {conv2d: {out: previous.channels, kernel: 1}, input: stage.0.wide, if: stage.height > 100}
  sum: {add: , input: [stage, stage.1.act], if: "false"}
  pool: {globalavgpool: , input: stage}
  flatten: flatten
  fc: {linear: {out: classes}}
`, map[string]string{"width": "6"})
	if err != nil {
		t.Fatal(err)
	}
	text, err := Print(g)
	want := `layers:
  stage.0.conv: {conv2d: {out: 12, kernel: 3, stride: 2, padding: 1}}
  stage.0.act: gelu
  stage.0.wide: {conv2d: {out: 24, kernel: 1}}
  stage.1.conv: {conv2d: {out: 6, kernel: 3, stride: 2, padding: 1}}
  stage.1.act: relu
  stage.1.wide: {conv2d: {out: 24, kernel: 1}}
  pool: globalavgpool
  flatten: flatten
  fc: {linear: {out: classes}}
`
	if _, got, _ := strings.Cut(text, "loss: cross_entropy\n"); err != nil || got != want {
		t.Errorf("%v\n%s", err, text)
	}
}
