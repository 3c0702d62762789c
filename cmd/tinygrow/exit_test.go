package main

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// Nothing listens at this address.
const refused = "nats://127.0.0.1:1"

// codes are command lines and the exit code that the table of --help gives
// them. EMPTY is a directory without files, JUNK one whose files are damaged,
// NOPE does not exist.
var codes = map[string]map[string]exitCode{
	"train": {
		"--bad": exitUsage, "now": exitUsage, "--config NOPE": exitUsage, "--config EMPTY": exitUsage, "--set optim.lr=much": exitUsage, "--nats http://h": exitUsage,
		"--creds NOPE --nats " + refused: exitUsage, "--data cifar10 --data-dir NOPE": exitData, "--data folder --data-dir EMPTY": exitData, "--nats " + refused: exitNetwork,
		"--run-dir JUNK": exitRun, "--run-dir JUNK/config.yaml/r": exitRun, "--widths-of NOPE": exitRun, "--targets-of JUNK": exitRun,
		"--from NOPE": exitRun, "--from JUNK": exitRun, "--set train.from=abc": exitUsage,
	},
	"resume": {"--bad": exitUsage, "": exitUsage, "NOPE": exitRun, "EMPTY": exitRun, "JUNK": exitRun},
	"coordinator": {
		"--bad": exitUsage, "--run-dir EMPTY": exitUsage, "--nats " + refused: exitUsage, "--nats " + refused + " --run-dir EMPTY": exitNetwork,
		"--nats " + refused + " --run-dir EMPTY --ca JUNK/config.yaml": exitUsage, "--nats " + refused + " --run-dir EMPTY --creds JUNK/config.yaml": exitUsage,
	},
	"worker":  {"--bad": exitUsage, "": exitUsage, "now": exitUsage, "--nats " + refused: exitNetwork, "--nats " + refused + " --ca NOPE": exitUsage},
	"reducer": {"--bad": exitUsage, "": exitUsage, "now": exitUsage, "--nats " + refused: exitNetwork, "--nats " + refused + " --ca NOPE": exitUsage},
	"eval":    {"--bad": exitUsage, "": exitUsage, "NOPE": exitRun, "EMPTY": exitRun, "JUNK": exitRun, "JUNK/config.yaml": exitRun},
	"predict": {"--bad": exitUsage, "": exitUsage, "JUNK": exitUsage, "JUNK --top 0 EMPTY": exitUsage, "NOPE EMPTY": exitRun, "EMPTY EMPTY": exitRun, "JUNK EMPTY": exitRun},
	"serve":   {"--bad": exitUsage, "": exitUsage, "a b": exitUsage, "NOPE": exitRun, "EMPTY": exitRun, "JUNK": exitRun, "JUNK/config.yaml": exitRun},
	"export":  {"--bad": exitUsage, "": exitUsage, "JUNK": exitUsage, "NOPE --format onnx": exitRun, "EMPTY --format npz": exitRun, "JUNK --format pytorch": exitRun},
	"inspect": {"--bad": exitUsage, "": exitUsage, "NOPE": exitRun, "EMPTY": exitRun, "JUNK": exitRun, "JUNK/config.yaml": exitRun},
	"verify":  {"--bad": exitUsage, "": exitUsage, "NOPE": exitRun, "EMPTY": exitRun, "JUNK": exitRun},
	"plot":    {"--bad": exitUsage, "": exitUsage, "NOPE": exitRun, "EMPTY": exitRun, "JUNK": exitRun, "JUNK --what gains": exitRun, "EMPTY --what loss": exitUsage, "EMPTY --out a.pdf": exitUsage},
	"report":  {"--bad": exitUsage, "": exitUsage, "NOPE": exitRun, "EMPTY": exitRun, "JUNK": exitRun, "--data nothing JUNK": exitRun},
	"compare": {"--bad": exitUsage, "": exitUsage, "JUNK": exitUsage, "NOPE NOPE": exitRun, "EMPTY JUNK": exitRun, "JUNK JUNK": exitRun},
	"runs": {"--bad": exitUsage, "a b": exitUsage, "EMPTY --sort size": exitUsage, "EMPTY --state gone": exitUsage, "NOPE": exitRun, "JUNK": exitOK, "EMPTY": exitOK,
		"EMPTY --records - --json": exitUsage, "EMPTY --records NOPE/x.jsonl": exitUsage, "EMPTY NOPE --records -": exitRun, "JUNK EMPTY --records -": exitOK},
	"top":         {"--bad": exitUsage, "": exitUsage, "a b": exitUsage, "NOPE": exitRun, "EMPTY": exitRun, "JUNK": exitRun, "http://": exitNetwork, "http://127.0.0.1:1": exitNetwork},
	"runs show":   {"--bad": exitUsage, "": exitUsage, "a b": exitUsage, "NOPE": exitRun, "EMPTY": exitRun, "JUNK": exitRun},
	"runs rm":     {"--bad": exitUsage, "": exitUsage, "JUNK": exitUsage, "NOPE --yes": exitRun, "EMPTY --yes": exitRun},
	"runs gc":     {"--bad": exitUsage, "a b": exitUsage, "EMPTY --keep 0": exitUsage, "NOPE": exitRun, "EMPTY": exitOK, "JUNK": exitRun},
	"ui":          {"--bad": exitUsage, "a b": exitUsage, "NOPE": exitRun, "JUNK/config.yaml": exitRun, "EMPTY --listen here": exitUsage, "EMPTY --token-file NOPE": exitUsage},
	"health":      {"--bad": exitUsage, "": exitUsage, "a b": exitUsage, "NOPE": exitFailure, "JUNK/config.yaml": exitFailure},
	"doctor":      {"--bad": exitUsage, "now": exitUsage, "--role king": exitUsage, "--data cifar10 --data-dir NOPE": exitData, "--limit 64 --nats " + refused: exitNetwork},
	"data verify": {"--bad": exitUsage, "now": exitUsage, "--data nothing": exitUsage, "--data cifar10 --data-dir NOPE": exitData, "--data folder --data-dir EMPTY": exitData},
	"data get": {
		"--bad": exitUsage, "": exitUsage, "nothing": exitUsage, "cifar10 mnist": exitUsage, "cifar10 --mirror nothing": exitUsage,
		"cifar10 --config NOPE": exitUsage, "cifar10 --set data.mirrors=5": exitUsage, "cifar10 --to JUNK/config.yaml --mirror http://127.0.0.1:1": exitData,
	},
	"data pack": {
		"--bad": exitUsage, "now": exitUsage, "": exitUsage, "--to x --data nothing": exitUsage, "--to EMPTY": exitUsage, "--to x --limit -1": exitUsage,
		"--to NOPE/x": exitUsage, "--to JUNK/config.yaml/x": exitUsage, "--to x --data cifar10 --data-dir NOPE": exitData,
		"--to x --data folder --data-dir EMPTY": exitData, "--to x --data packed --data-dir JUNK/config.yaml": exitData,
	},
	"data show": {
		"--bad": exitUsage, "now": exitUsage, "--data nothing": exitUsage, "--split validation": exitUsage, "--count 0": exitUsage, "--augment --epochs 0": exitUsage,
		"--limit 64 --out NOPE/x.png": exitUsage, "--limit 64 --out EMPTY": exitUsage, "--data cifar10 --data-dir NOPE": exitData,
		"--data folder --data-dir EMPTY": exitData, "--data packed --data-dir JUNK/config.yaml": exitData,
	},
	"metrics": {
		"--bad": exitUsage, "": exitUsage, "a b": exitUsage, "JUNK --kind nothing": exitUsage, "JUNK --out EMPTY": exitUsage,
		"NOPE": exitRun, "EMPTY": exitRun, "EMPTY --csv": exitRun, "JUNK/config.yaml": exitRun, "JUNK": exitOK,
	},
	"model check": {
		"--bad": exitUsage, "": exitUsage, "a b": exitUsage, "NOPE.yaml": exitUsage, "JUNK/config.yaml": exitUsage, "cnn --input 0x3x3": exitUsage,
		"cnn --config NOPE": exitUsage, "NOPE": exitRun, "EMPTY": exitRun, "JUNK": exitRun, "JUNK/metrics.jsonl": exitRun, "cnn": exitOK,
	},
	"model print": {
		"--bad": exitUsage, "": exitUsage, "a b": exitUsage, "NOPE.yaml": exitUsage, "JUNK/config.yaml": exitUsage, "JUNK --source": exitUsage,
		"cnn --input 0x3x3": exitUsage, "NOPE": exitRun, "EMPTY": exitRun, "JUNK": exitRun, "JUNK/metrics.jsonl": exitRun, "cnn": exitOK,
	},
	"model summary": {
		"--bad": exitUsage, "": exitUsage, "a b": exitUsage, "NOPE.yaml": exitUsage, "JUNK/config.yaml": exitUsage, "cnn --input 0x3x3": exitUsage,
		"cnn --set model.widths=[1": exitUsage, "NOPE": exitRun, "EMPTY": exitRun, "JUNK": exitRun, "JUNK/metrics.jsonl": exitRun, "cnn": exitOK,
	},
	"auth init":     {"--bad": exitUsage, "": exitUsage, "EMPTY": exitUsage, "KEYS --host h": exitUsage, "EMPTY --host nats://h": exitUsage, "EMPTY --host h --owner me": exitUsage},
	"auth renew":    {"--bad": exitUsage, "": exitUsage, "NOPE --host h": exitUsage, "EMPTY --host h": exitUsage},
	"auth add":      {"--bad": exitUsage, "": exitUsage, "NOPE a": exitUsage, "EMPTY a": exitUsage, "KEYS a!": exitUsage},
	"auth update":   {"--bad": exitUsage, "": exitUsage, "NOPE": exitUsage, "EMPTY": exitUsage},
	"chaos":         {"--bad": exitUsage, "--seed x": exitUsage, "--kills -1": exitUsage, "--data cifar10 --data-dir NOPE": exitData},
	"bench compute": {"--bad": exitUsage, "now": exitUsage, "--models nothing": exitUsage},
	"bench growth":  {"--bad": exitUsage, "now": exitUsage, "--models nothing": exitUsage},
	"bench event":   {"--bad": exitUsage, "now": exitUsage},
	"bench nats":    {"--bad": exitUsage, "now": exitUsage},
	"plan": {"--bad": exitUsage, "now": exitUsage, "--hosts 0": exitUsage, "--model nothing": exitUsage, "--costs NOPE": exitUsage,
		"--costs JUNK/config.yaml": exitUsage, "--price -1": exitUsage, "--local-steps 1": exitUsage},
	"sweep": {"--bad": exitUsage, "": exitUsage, "a b": exitUsage, "NOPE": exitUsage, "JUNK/config.yaml": exitUsage,
		"--space optim.lr": exitUsage, "--space optim.lr=float(0,1) --trials 0": exitUsage, "--space optim.lr=float(0,1) --algorithm grid": exitUsage,
		"--space optim.lr=float(0,1) --parallel -1": exitUsage, "--space optim.lr=float(0,1) --dir JUNK": exitRun},
	"sweep resume": {"--bad": exitUsage, "": exitUsage, "a b": exitUsage, "NOPE": exitRun, "EMPTY": exitRun, "JUNK": exitRun},
	"sweep show":   {"--bad": exitUsage, "": exitUsage, "a b": exitUsage, "NOPE": exitRun, "EMPTY": exitRun, "JUNK": exitRun},
	"sweep plot":   {"--bad": exitUsage, "": exitUsage, "NOPE": exitRun, "EMPTY": exitRun, "JUNK --by steps": exitUsage, "JUNK --out a.pdf": exitUsage},
	"sweep worker": {"--bad": exitUsage, "": exitUsage, "a b": exitUsage, "a": exitUsage, "a --nats " + refused: exitNetwork},
	"bench box":    {"--bad": exitUsage, "now": exitUsage, "--hosts 0": exitUsage, "--model nothing": exitUsage},
	"bench scale":  {"--bad": exitUsage, "--workers 0": exitUsage, "--model nothing": exitUsage, "--plot a.pdf": exitUsage},
	"config print": {"--bad": exitUsage, "a b": exitUsage, "NOPE": exitUsage, "JUNK": exitRun, "JUNK/config.yaml": exitUsage, "--schema x": exitUsage},
	"config keys":  {"--bad": exitUsage, "a b": exitUsage, "nothing": exitUsage},
	"config check": {"--bad": exitUsage, "": exitUsage, "NOPE": exitUsage, "EMPTY": exitUsage, "JUNK/config.yaml": exitUsage},
	"recipes":      {"--bad": exitUsage, "now": exitUsage},
	"recipes show": {"--bad": exitUsage, "": exitUsage, "nothing": exitUsage},
	"completion":   {"--bad": exitUsage, "": exitUsage, "csh": exitUsage},
	"man":          {"--bad": exitUsage, "": exitUsage, "JUNK/config.yaml": exitUsage},
	"version":      {"--bad": exitUsage, "now": exitUsage},
}

// Every command ends with the codes of the table for what is missing, damaged
// or refused.
func TestExitCodesOfEveryCommand(t *testing.T) {
	root := t.TempDir()
	t.Chdir(root)
	for name, text := range map[string]string{"JUNK/config.yaml": "x: [\n", "JUNK/metrics.jsonl": "junk\n", "JUNK/growth.jsonl": "junk\n", "EMPTY/.keep": ""} {
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if code := execute(t.Context(), []string{"auth", "init", "KEYS", "--host", "h"}, io.Discard, io.Discard); code != exitOK {
		t.Fatalf("auth init: %d", code)
	}
	for command, lines := range codes {
		for line, want := range lines {
			args := append(strings.Fields(command), strings.Fields(line)...)
			var stderr bytes.Buffer
			if got := execute(t.Context(), args, io.Discard, &stderr); got != want {
				t.Errorf("tinygrow %s: exit code %d, want %d: %s", strings.Join(args, " "), got, want, stderr.String())
			}
		}
	}
	if entries, err := os.ReadDir(root); err != nil || len(entries) != 3 {
		t.Errorf("something was left behind: %v, %v", entries, err)
	}
	eachCommand(newRoot(io.Discard), func(c *cobra.Command) {
		name := strings.TrimPrefix(c.CommandPath(), "tinygrow ")
		if c.HasParent() && !c.HasAvailableSubCommands() && codes[name] == nil {
			t.Errorf("the exit codes of %s are not tested", name)
		}
	})
}

func eachCommand(c *cobra.Command, visit func(*cobra.Command)) {
	visit(c)
	for _, sub := range c.Commands() {
		if sub.IsAvailableCommand() && sub.Name() != "help" {
			eachCommand(sub, visit)
		}
	}
}
