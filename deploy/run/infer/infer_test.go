package infer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/png"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/tinygrow/tinygrow/tensor/nn"
	"github.com/tinygrow/tinygrow/worker"
	"github.com/tinygrow/tinygrow/worker/dataset"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// folder writes pictures of noise in two classes for training and testing, and
// returns the set and the files of its test samples in their order.
func folder(t *testing.T, perClass int) (*dataset.Set, []string) {
	t.Helper()
	dir, r := t.TempDir(), rand.New(rand.NewPCG(3, 4))
	var files []string
	for _, split := range []string{"train", "test"} {
		for _, class := range []string{"a", "b"} {
			for i := range perClass {
				img := image.NewNRGBA(image.Rect(0, 0, 8, 8))
				for p := range img.Pix {
					img.Pix[p] = byte(r.Uint32())
					if p%4 == 3 {
						img.Pix[p] = 255
					}
				}
				var b bytes.Buffer
				path := filepath.Join(dir, split, class, fmt.Sprintf("%03d.png", i))
				if err := errors.Join(png.Encode(&b, img), os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, b.Bytes(), 0o644)); err != nil {
					t.Fatal(err)
				}
				if split == "test" {
					files = append(files, path)
				}
			}
		}
	}
	set, err := dataset.Open(dataset.Config{Name: "folder", Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	return set, files
}

func model(t *testing.T, set *dataset.Set, loss nn.Loss) *nn.Model {
	t.Helper()
	g, err := nn.Build(nn.ModelConfig{Name: "resnet20", Input: set.Shape(), Classes: 2, Loss: loss})
	if err != nil {
		t.Fatal(err)
	}
	return nn.Init(g, 5)
}

// Picture by picture the files give the bits that the set gives, one thread or many, in batches of
// any size; and what comes out adds up to what an evaluation round of a worker finds.
func TestPicturesAreTheSet(t *testing.T) {
	set, files := folder(t, 35)
	m := model(t, set, nn.CrossEntropy)
	n, err := New(m, set.Card(), 3)
	if err != nil {
		t.Fatal(err)
	}
	want, err := n.Set(t.Context(), set, Order, len(files))
	if err != nil {
		t.Fatal(err)
	}
	var images [][]byte
	for _, f := range files {
		image, err := dataset.ReadLoose(f, n.Card.Input)
		if err != nil {
			t.Fatal(err)
		}
		images = append(images, image)
	}
	for _, size := range []int{1, 7, 32, 70} {
		for lo := 0; lo < len(images); lo += size {
			got, err := n.Pictures(t.Context(), images[lo:min(lo+size, len(images))])
			if err != nil {
				t.Fatal(err)
			}
			for i, y := range got {
				if math.Float32bits(y) != math.Float32bits(want[2*lo+i]) {
					t.Fatalf("batches of %d: output %d is %v, of the set %v", size, 2*lo+i, y, want[2*lo+i])
				}
			}
		}
	}
	round, err := worker.Local{Samples: set, Threads: 1, MicroShard: 10}.Evaluate(t.Context(), m, len(files))
	if err != nil {
		t.Fatal(err)
	}
	loss, correct := 0.0, 0.0
	for i := range files {
		row, label := n.Row(want, i), set.Label(dataset.Test, i)
		p := n.Probabilities(row)
		loss -= math.Log(p[label])
		if n.Top(row, 1)[0].Index == label {
			correct++
		}
		if sum := p[0] + p[1]; math.Abs(sum-1) > 1e-12 {
			t.Errorf("probabilities add up to %v", sum)
		}
	}
	if correct != round.Correct || math.Abs(loss-round.Loss) > 1e-9*loss {
		t.Errorf("%v right, loss %v; the round has %v and %v", correct, loss, round.Correct, round.Loss)
	}
}

func TestConcurrentAsks(t *testing.T) {
	set, _ := folder(t, 3)
	n, err := New(model(t, set, nn.MSE), set.Card(), 2)
	if err != nil {
		t.Fatal(err)
	}
	want, err := n.Set(t.Context(), set, Order, 6)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			image, _ := set.Image(dataset.Test, g%6)
			got, err := n.Pictures(t.Context(), [][]byte{image})
			if err != nil || got[0] != want[2*(g%6)] {
				t.Error(got, err)
			}
		})
	}
	wg.Wait()
	top := n.Top([]float32{-3, 7}, 5)
	if len(top) != 2 || top[0].Class != "b" || top[0].Probability != 1 || top[1].Probability != 0 {
		t.Errorf("outputs of squared errors: %v", top)
	}
}

func TestRefused(t *testing.T) {
	set, _ := folder(t, 1)
	m := model(t, set, nn.CrossEntropy)
	if _, err := New(m, nil, 1); err == nil || !strings.Contains(err.Error(), "earlier version") {
		t.Error(err)
	}
	other := *set.Card()
	other.Classes = []string{"a", "b", "c"}
	if _, err := New(m, &other, 1); err == nil {
		t.Error("a card of other classes: no error")
	}
	n, err := New(m, set.Card(), 1)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := n.Pictures(t.Context(), [][]byte{make([]byte, 3)}); err == nil {
		t.Error("a picture of three bytes: no error")
	}
	if out, err := n.Pictures(t.Context(), nil); err != nil || len(out) != 0 {
		t.Error(out, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := n.Set(ctx, set, Order, 2); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
