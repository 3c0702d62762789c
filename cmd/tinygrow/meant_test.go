package main

import (
	"bytes"
	"io"
	"strings"
	"testing"
)

// What people type from habit is answered with what it is called here: flags,
// commands and configuration keys alike.
func TestMeantNames(t *testing.T) {
	for line, want := range map[string]string{
		"trian":                         `unknown command "trian": did you mean train? See tinygrow --help`,
		"evaluate runs/a":               "did you mean eval?",
		"bench scael":                   "did you mean scale? See tinygrow bench --help",
		"auth initt":                    "did you mean init?",
		"data verfy":                    "did you mean verify?",
		"frobnicate":                    `unknown command "frobnicate": see tinygrow --help`,
		"train --learning-rate 0.1":     "unknown flag: --learning-rate: did you mean --lr? See tinygrow train --help",
		"train --learning_rate=0.1":     "did you mean --lr?",
		"train --batch-size 8":          "did you mean --batch?",
		"train --num-workers 2":         "did you mean --workers?",
		"train --data_dir x":            "did you mean --data-dir?",
		"train --epoch 3":               "did you mean --epochs?",
		"train -lr 3":                   "did you mean --lr?",
		"train --gpu":                   "uses no GPU",
		"worker --device cuda:0":        "uses no GPU",
		"train --fp16":                  "float32 throughout",
		"train --momentum 0.8":          "did you mean --set optim.momentum=...?",
		"train --wd 0.1":                "did you mean --set optim.weight_decay=...?",
		"eval runs/a --epochs 3":        "tinygrow train, not of tinygrow eval",
		"worker --server nats://h:4222": "did you mean --nats?",
		"train --set learning_rate=0.1": "unknown key learning_rate: did you mean optim.lr?",
		"train --set optim.LR=0.1":      "did you mean optim.lr?",
		"train --set gpu=0":             "uses no GPU",
	} {
		var stderr bytes.Buffer
		if code := execute(t.Context(), strings.Fields(line), io.Discard, &stderr); code != exitUsage {
			t.Errorf("tinygrow %s: exit code %d", line, code)
		}
		if !strings.Contains(stderr.String(), want) {
			t.Errorf("tinygrow %s: does not say %q: %s", line, want, stderr.String())
		}
	}
}

func TestMeantVariable(t *testing.T) {
	t.Setenv("TINYGROW_LEARNING_RATE", "1")
	t.Setenv("TINYGROW_OPTIM_RL", "1")
	var stderr bytes.Buffer
	if code := execute(t.Context(), []string{"train"}, io.Discard, &stderr); code != exitUsage {
		t.Errorf("exit code %d", code)
	}
	if n := strings.Count(stderr.String(), "did you mean TINYGROW_OPTIM_LR?"); n != 2 {
		t.Errorf("%d suggestions: %s", n, stderr.String())
	}
}

func TestVersionFlag(t *testing.T) {
	var command, flag bytes.Buffer
	for out, arg := range map[*bytes.Buffer]string{&command: "version", &flag: "--version"} {
		if code := execute(t.Context(), []string{arg}, out, io.Discard); code != exitOK {
			t.Errorf("%s: exit code %d", arg, code)
		}
	}
	if command.String() != flag.String() || !strings.HasPrefix(flag.String(), "tinygrow ") {
		t.Errorf("version prints %q, --version %q", command.String(), flag.String())
	}
}
