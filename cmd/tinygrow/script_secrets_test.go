package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// hidden checks that a word stands neither in what the last command wrote nor
// in any file of the script, but for those named: hidden WORD FILE ...
func hidden(ts *testscript.TestScript, _ bool, args []string) {
	word, but := args[0], args[1:]
	for _, name := range []string{"stdout", "stderr"} {
		if text := ts.ReadFile(name); strings.Contains(text, word) {
			ts.Fatalf("%s shows %s: %s", name, word, text)
		}
	}
	root := ts.MkAbs(".")
	ts.Check(filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		name, _ := filepath.Rel(root, path)
		if err != nil || !e.Type().IsRegular() || slices.Contains(but, name) {
			return err
		}
		text, err := os.ReadFile(path)
		if strings.Contains(string(text), word) {
			ts.Fatalf("%s shows %s", name, word)
		}
		return err
	}))
}

// withCredentials sets $WITH to the server's address with user and password,
// and writes it to the file address.
func withCredentials(ts *testscript.TestScript, _ bool, args []string) {
	url := strings.Replace(ts.Getenv("NATS"), "://", "://"+args[0]+"@", 1)
	ts.Setenv("WITH", url)
	ts.Check(os.WriteFile(ts.MkAbs("address"), []byte(url+"\n"), 0o600))
}

// unreached runs every command that dials with each address, in the environment
// and on the command line, which must fail and hide the password.
func unreached(ts *testscript.TestScript, _ bool, addresses []string) {
	for _, url := range addresses {
		for _, command := range []string{"doctor --limit 100", "doctor --limit 100 --json", "coordinator --limit 100 --run-dir c",
			"worker --run c --limit 100", "worker", "train --limit 100 --run-dir c"} {
			args := strings.Fields(command)
			ts.Setenv("TINYGROW_NATS_URL", url)
			if ts.Exec("tinygrow", args...) == nil {
				ts.Fatalf("%s reaches %s", command, url)
			}
			hidden(ts, false, []string{"s3cr3t", "nats.conf", "address"})
			ts.Setenv("TINYGROW_NATS_URL", "")
			if ts.Exec("tinygrow", append(args, "--nats", url)...) == nil {
				ts.Fatalf("%s reaches %s", command, url)
			}
			hidden(ts, false, []string{"s3cr3t", "nats.conf", "address"})
		}
	}
}
