package main

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/tinygrow/tinygrow/proto/bus/natsserver"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"tinygrow": main})
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: filepath.Join("testdata", "script"),
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"freeport": freePort, "nats": startNATS, "code": exitsWith, "report": checkReport, "foretold": foretold, "same": sameResult, "await": awaitFile, "edit": editBytes, "cifar": writeCIFAR, "mnist": writeMNIST, "arrows": writeArrows, "evaluated": sameEvaluation, "confusions": sameCounts, "answers": answersAt, "grown": grownFolder, "validated": sameValidation, "uncard": removeCard, "serving": serveFolder,
			"alone": bestAlone, "swept": sameSweep, "killed": killSweep, "hidden": hidden, "address": withCredentials, "unreached": unreached,
		},
	})
}

// startNATS runs a server until the end of the script: nats [CONFIG], or nats
// jetstream. Its address is $NATS.
func startNATS(ts *testscript.TestScript, _ bool, args []string) {
	var o natsserver.Options
	switch {
	case len(args) > 0 && args[0] == "jetstream":
		o.StoreDir = ts.MkAbs(".jetstream")
	case len(args) > 0:
		o.Config = ts.MkAbs(args[0])
	}
	server, err := natsserver.Start(o)
	ts.Check(err)
	ts.Defer(server.Stop)
	ts.Setenv("NATS", server.URL())
}

// freePort sets $FREE to a loopback address that nobody listened on a moment ago.
func freePort(ts *testscript.TestScript, _ bool, _ []string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	defer l.Close()
	ts.Setenv("FREE", l.Addr().String())
}

// exitsWith runs a command that has to end with a code and say something on
// stderr: code 2 'words' tinygrow train ...
func exitsWith(ts *testscript.TestScript, _ bool, args []string) {
	err := ts.Exec(args[2], args[3:]...)
	code := 0
	if err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			ts.Fatalf("%v", err)
		}
		code = exit.ExitCode()
	}
	if strconv.Itoa(code) != args[0] {
		ts.Fatalf("exit code %d, want %s: %s", code, args[0], ts.ReadFile("stderr"))
	}
	if text := ts.ReadFile("stderr"); !strings.Contains(text, args[1]) {
		ts.Fatalf("does not say %q: %s", args[1], text)
	}
	if strings.Contains(ts.ReadFile("stderr"), "goroutine ") {
		ts.Fatalf("panicked: %s", ts.ReadFile("stderr"))
	}
}

// readObject reads a file that has to hold exactly one JSON object.
func readObject(ts *testscript.TestScript, name string) map[string]any {
	var object map[string]any
	d := json.NewDecoder(strings.NewReader(ts.ReadFile(name)))
	ts.Check(d.Decode(&object))
	if _, err := d.Token(); err != io.EOF {
		ts.Fatalf("%s: something follows the JSON object: %v", name, err)
	}
	return object
}

// checkReport checks that a file holds one JSON object with certain fields, or
// fields of certain values: report FILE name name=value ...
func checkReport(ts *testscript.TestScript, _ bool, args []string) {
	object := readObject(ts, args[0])
	for _, want := range args[1:] {
		name, value, exact := strings.Cut(want, "=")
		got, ok := object[name]
		if !ok {
			ts.Fatalf("%s: no field %s", args[0], name)
		}
		if text, _ := json.Marshal(got); exact && string(text) != value {
			ts.Fatalf("%s: %s is %s, want %s", args[0], name, text, value)
		}
	}
}

// foretold checks that a dry run is what the run's own event of that step was:
// foretold INSPECTION.json growth.jsonl STEP
func foretold(ts *testscript.TestScript, _ bool, args []string) {
	dry := readObject(ts, args[0])["dry_run"].(map[string]any)
	delete(dry, "dry_run")
	got, err := json.Marshal(dry)
	ts.Check(err)
	for d := json.NewDecoder(strings.NewReader(ts.ReadFile(args[1]))); d.More(); {
		var event map[string]any
		ts.Check(d.Decode(&event))
		if fmt.Sprint(event["step"]) != args[2] {
			continue
		}
		want, err := json.Marshal(event)
		ts.Check(err)
		if !bytes.Equal(got, want) {
			ts.Fatalf("the dry run foretold\n%s\nthe event was\n%s", got, want)
		}
		return
	}
	ts.Fatalf("%s: no event of step %s", args[1], args[2])
}

// sameResult checks that the reports of several runs agree on the hashes and
// that they grew at least so often: same 2 a.json b.json ...
func sameResult(ts *testscript.TestScript, _ bool, args []string) {
	least, err := strconv.Atoi(args[0])
	ts.Check(err)
	first := readObject(ts, args[1])
	grown := 0
	for _, e := range first["growth_events"].([]any) {
		if e.(map[string]any)["decision"] == "grow" {
			grown++
		}
	}
	if grown < least {
		ts.Fatalf("%s: grew %d times, the test needs %d", args[1], grown, least)
	}
	for _, name := range args[2:] {
		other := readObject(ts, name)
		for _, field := range []string{"steps", "model_sha256", "optimizer_sha256", "journal_sha256", "test_loss", "train_loss", "params_start"} {
			if fmt.Sprint(other[field]) != fmt.Sprint(first[field]) {
				ts.Fatalf("%s: %s is %v, in %s %v", name, field, other[field], args[1], first[field])
			}
		}
	}
}

// patience is how long scripts and pages are waited for at most, on a machine that has much else to do.
const patience = 3 * time.Minute

// awaitFile waits until a file exists: await FILE.
func awaitFile(ts *testscript.TestScript, _ bool, args []string) {
	for end := time.Now().Add(patience); ; time.Sleep(2 * time.Millisecond) {
		if _, err := os.Stat(ts.MkAbs(args[0])); err == nil {
			return
		}
		if time.Now().After(end) {
			ts.Fatalf("%s does not come", args[0])
		}
	}
}

// editBytes changes a file: edit cut FILE N leaves its first N bytes, edit set
// FILE AT TEXT overwrites bytes, edit flip FILE TEXT N changes a bit of byte N
// behind the last TEXT, or of the Nth last byte if TEXT is empty.
func editBytes(ts *testscript.TestScript, _ bool, args []string) {
	path := ts.MkAbs(args[1])
	data, err := os.ReadFile(path)
	ts.Check(err)
	at, err := strconv.Atoi(args[len(args)-1])
	if args[0] == "set" {
		at, err = strconv.Atoi(args[2])
	}
	ts.Check(err)
	switch args[0] {
	case "flip":
		i := len(data) - at
		if args[2] != "" {
			i = bytes.LastIndex(data, []byte(args[2])) + len(args[2]) + at
		}
		data[i] ^= 1
	case "cut":
		data = data[:at]
	case "set":
		copy(data[at:], args[3])
	}
	ts.Check(os.WriteFile(path, data, 0o644))
}

// writeCIFAR makes the files of CIFAR-10 with so many images each: cifar DIR N.
func writeCIFAR(ts *testscript.TestScript, _ bool, args []string) {
	n, err := strconv.Atoi(args[1])
	ts.Check(err)
	dir := ts.MkAbs(args[0])
	ts.Check(os.MkdirAll(dir, 0o755))
	for i, name := range []string{"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin", "data_batch_5.bin", "test_batch.bin"} {
		var file bytes.Buffer
		for j := range n {
			label := byte((i + j) % 10)
			file.WriteByte(label)
			for k := range 3072 {
				file.WriteByte(byte(k*int(label+1) + 31*j + i))
			}
		}
		ts.Check(os.WriteFile(filepath.Join(dir, name), file.Bytes(), 0o644))
	}
}

// writeMNIST makes the files of MNIST with so many images each: mnist DIR N.
func writeMNIST(ts *testscript.TestScript, _ bool, args []string) {
	n, err := strconv.Atoi(args[1])
	ts.Check(err)
	dir := ts.MkAbs(args[0])
	ts.Check(os.MkdirAll(dir, 0o755))
	for _, split := range []string{"train", "t10k"} {
		images := binary.BigEndian.AppendUint32([]byte{0, 0, 8, 3}, uint32(n))
		images = append(images, 0, 0, 0, 28, 0, 0, 0, 28)
		labels := binary.BigEndian.AppendUint32([]byte{0, 0, 8, 1}, uint32(n))
		for i := range n {
			labels = append(labels, byte(i%10))
			for k := range 28 * 28 {
				images = append(images, byte(i*k))
			}
		}
		ts.Check(os.WriteFile(filepath.Join(dir, split+"-images-idx3-ubyte"), images, 0o644))
		ts.Check(os.WriteFile(filepath.Join(dir, split+"-labels-idx1-ubyte"), labels, 0o644))
	}
}

// TestEveryCommandHelps goes through all commands: each has a one-line
// description and an example.
func TestEveryCommandHelps(t *testing.T) {
	var seen []string
	var walk func(args []string)
	walk = func(args []string) {
		var out bytes.Buffer
		if code := execute(t.Context(), append(args, "--help"), &out, io.Discard); code != exitOK {
			t.Errorf("%v --help: exit code %d", args, code)
		}
		if text := out.String(); !strings.Contains(text, "Examples:\n  tinygrow") {
			t.Errorf("%v --help has no example:\n%s", args, text)
		}
		command, _, err := newRoot(io.Discard).Find(args)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range command.Commands() {
			if c.Hidden || c.Name() == "help" || c.IsAdditionalHelpTopicCommand() {
				continue
			}
			if c.Short == "" {
				t.Errorf("%s has no description", c.CommandPath())
			}
			seen = append(seen, c.CommandPath())
			walk(append(slices.Clone(args), c.Name()))
		}
	}
	walk(nil)
	for _, want := range []string{"train", "coordinator", "worker", "resume", "eval", "inspect", "verify", "data verify", "bench compute", "bench growth", "version"} {
		if !slices.Contains(seen, "tinygrow "+want) {
			t.Errorf("no command %s", want)
		}
	}
}

// TestFlagsByName checks the flags that scripts rely on.
func TestFlagsByName(t *testing.T) {
	c := newTrain()
	for _, name := range []string{"config", "set", "data", "data-dir", "limit", "model", "epochs", "steps", "batch", "microshard", "lr", "seed", "policy",
		"workers", "threads", "run-dir", "nats", "json"} {
		if c.Flags().Lookup(name) == nil {
			t.Errorf("train has no --%s", name)
		}
	}
}
