package main

import (
	"bytes"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/tinygrow/tinygrow/coordinator"
	"github.com/tinygrow/tinygrow/coordinator/trainer"
	"github.com/tinygrow/tinygrow/growth"
	"github.com/tinygrow/tinygrow/proto"
)

func TestPipeGetsALinePerInterval(t *testing.T) {
	var out bytes.Buffer
	c := newConsole(&out)
	now := time.Unix(0, 0)
	c.now = func() time.Time { return now }
	e := c.Events()
	e.Started(coordinator.Started{Run: "r", Dir: "runs/r", Steps: 10, Epochs: 2, Params: 1234})
	for step := range 10 {
		now = now.Add(time.Second)
		p := coordinator.Pace{Steps: 10, SamplesSec: 5000}
		if step > 5 {
			p.Left = 9 * time.Second
		}
		e.Step(trainer.StepRecord{Step: proto.Step(step + 1), Loss: 2, Accuracy: 0.25, Params: 1234}, p)
		if step == 4 {
			e.Grew(growth.Record{Step: 5, Grown: []growth.GrownRecord{{Sentence: "conv2 4 -> 7 channels"}}}, trainer.GrownRecord{})
			e.Grew(growth.Record{Step: 5, Why: "no site may grow"}, trainer.GrownRecord{})
		}
	}
	e.Evaluated(trainer.EvalRecord{Split: "test", Epoch: 2, Step: 10, Loss: 1.5, Accuracy: 0.5})
	c.end()
	want := `run r started: 10 steps (2 epochs), 1,234 parameters, in runs/r
step 5/10 [==========          ] loss 2.000, accuracy 25 %, 1,234 parameters, 5,000 samples/s
step 5: conv2 4 -> 7 channels
step 5: nothing grew: no site may grow
step 10/10 [====================] loss 2.000, accuracy 25 %, 1,234 parameters, 5,000 samples/s, ETA 9s
epoch 2, step 10: test loss 1.5000, test accuracy 50.00 %
`
	if got := out.String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// The time that verify still takes follows the latest steps: those of a grown
// network take ten times as long.
func TestVerifyTellsTheTimeAtTheLatestPace(t *testing.T) {
	var out bytes.Buffer
	c := newConsole(&out)
	now := time.Unix(0, 0)
	c.now = func() time.Time { return now }
	for step := proto.Step(0); step <= 150; step++ {
		c.verified(0, step, 200)
		now = now.Add(time.Second)
		if step >= 100 {
			now = now.Add(9 * time.Second)
		}
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	for i, want := range map[int]string{0: "step 5 of 0 to 200 made again [                    ] ETA 3m15s",
		len(lines) - 1: "step 150 of 0 to 200 made again [===============     ] ETA 8m20s"} {
		if lines[i] != want {
			t.Errorf("line %d: %s, want %s", i, lines[i], want)
		}
	}
}

func TestTimeToGo(t *testing.T) {
	for d, want := range map[time.Duration]string{1400 * time.Millisecond: "1s", 80 * time.Second: "1m20s", 109*time.Hour +
		29*time.Second: "109h0m", 90 * time.Minute: "1h30m"} {
		if got := roughly(d); got != want {
			t.Errorf("%v: %s, want %s", d, got, want)
		}
	}
}

func TestThousands(t *testing.T) {
	for n, want := range map[int]string{0: "0", 999: "999", 1000: "1,000", -1234567: "-1,234,567"} {
		if got := thousands(n); got != want {
			t.Errorf("%d: %s, want %s", n, got, want)
		}
	}
}

// Whatever is told in words is told in records as well.
func TestRecordsTellWhatWordsTell(t *testing.T) {
	words := reflect.ValueOf(newConsole(new(bytes.Buffer)).Events())
	log := reflect.ValueOf(newConsole(newRecords(new(bytes.Buffer))).Events())
	for i := range words.NumField() {
		if !words.Field(i).IsNil() && log.Field(i).IsNil() {
			t.Errorf("no record tells of %s", words.Type().Field(i).Name)
		}
	}
}
