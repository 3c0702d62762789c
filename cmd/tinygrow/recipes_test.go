package main

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tinygrow/tinygrow/deploy/run"
)

// standIn writes files of the form that a data set has, with a few samples of noise,
// and returns their directory; one that is drawn has none.
func standIn(t *testing.T, name string) string {
	t.Helper()
	dir := t.TempDir()
	files := map[string][]byte{}
	noise := func(n, salt int) []byte {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(i*i*7 + 31*salt)
		}
		return b
	}
	switch name {
	case "shapes":
		return ""
	case "cifar10":
		for i, file := range []string{"data_batch_1", "data_batch_2", "data_batch_3", "data_batch_4", "data_batch_5", "test_batch"} {
			for j := range 60 {
				files[file+".bin"] = append(append(files[file+".bin"], byte(j%10)), noise(3072, i+j)...)
			}
		}
	case "mnist":
		for _, split := range []string{"train", "t10k"} {
			const n = 300
			images := []byte{0, 0, 8, 3, 0, 0, n >> 8, n & 255, 0, 0, 0, 28, 0, 0, 0, 28}
			labels := binary.BigEndian.AppendUint32([]byte{0, 0, 8, 1}, n)
			for i := range n {
				images, labels = append(images, noise(28*28, i)...), append(labels, byte(i%10))
			}
			files[split+"-images-idx3-ubyte"], files[split+"-labels-idx1-ubyte"] = images, labels
		}
	default:
		t.Fatalf("no stand-in of %s", name)
	}
	for file, content := range files {
		if err := os.WriteFile(filepath.Join(dir, file), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// Each recipe says what it was measured to do, and makes two steps on a set of the
// shape of its own.
func TestEveryRecipeTrains(t *testing.T) {
	for _, r := range run.Recipes() {
		t.Run(r.Name, func(t *testing.T) {
			for what, said := range map[string]string{"about": r.About, "data": r.Data, "hardware": r.Hardware, "time": r.Time, "result": r.Result} {
				if said == "" {
					t.Errorf("it does not say its %s", what)
				}
			}
			s, err := run.Given{Recipe: r.Name}.Describe()
			if err != nil {
				t.Fatal(err)
			}
			args := []string{"train", "--recipe", r.Name, "--steps", "2", "--set", "train.eval_epochs=0", "--set", "report=false", "--limit", "280",
				"--run-dir", filepath.Join(t.TempDir(), "run"), "--json"}
			if dir := standIn(t, s.Data.Name); dir != "" {
				args = append(args, "--data-dir", dir)
			}
			var out, said bytes.Buffer
			if code := execute(t.Context(), args, &out, &said); code != exitOK {
				t.Fatalf("exit code %d: %s", code, said.String())
			}
			var got outcome
			if err := json.NewDecoder(&out).Decode(&got); err != nil {
				t.Fatal(err)
			}
			if !got.Done || got.Steps != 2 || got.Model != s.Model.Name || got.Data != s.Data.Name || got.Policy != s.Growth.Policy {
				t.Errorf("%+v", got)
			}
		})
	}
	names := []string{}
	for _, r := range run.Recipes() {
		names = append(names, r.Name)
	}
	if want := "cifar10-resnet18 cifar10-vgg mnist-mlp scaling shapes-quick"; strings.Join(names, " ") != want {
		t.Errorf("recipes %v, want %s", names, want)
	}
	if code := execute(t.Context(), []string{"train", "--recipe", "nothing"}, io.Discard, io.Discard); code != exitUsage {
		t.Errorf("a recipe that is not there: exit code %d", code)
	}
}
