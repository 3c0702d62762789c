package main

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/spf13/cobra"

	"github.com/tinygrow/tinygrow/deploy/run"
	"github.com/tinygrow/tinygrow/deploy/run/config"
)

// Whatever source a path comes from, and in flags that are no settings.
func TestHomeDirectoriesOfEverySource(t *testing.T) {
	home := t.TempDir()
	t.Setenv("HOME", home)
	if err := os.WriteFile(filepath.Join(home, "c.yaml"), []byte("nats: {creds: ~/seed.nk}\nhealth: ~/alive\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv(config.Variable("nats.ca"), "~/ca.crt")
	c := &cobra.Command{Use: "any"}
	src := newSource(c, dataFlags, runPlaceFlags)
	if err := c.ParseFlags([]string{"--data=cifar10", "--data-dir=~/cifar", "--set", "fetch.dir=~/cache", "--config=~/c.yaml",
		"--run-dir", "~/runs/a"}); err != nil {
		t.Fatal(err)
	}
	if err := expandFlags(c); err != nil {
		t.Fatal(err)
	}
	got, err := src.given().Resolve(run.Defaults())
	if err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]string{"data.dir": "cifar", "fetch.dir": "cache", "run_dir": "runs/a", "nats.creds": "seed.nk",
		"nats.ca": "ca.crt", "health": "alive"} {
		if is := config.Get(&got, key); is != filepath.Join(home, want) {
			t.Errorf("%s is %s, want %s in %s", key, is, want, home)
		}
	}
}

// A setting that a flag calls a file or a directory is one whose home directory is replaced.
func TestEveryPathIsExpanded(t *testing.T) {
	t.Setenv("HOME", "/home/me")
	for _, f := range slices.Concat(dataFlags, natsFlags, runPlaceFlags, cacheFlag, healthFlag) {
		if f.kind != "dir" && f.kind != "file" {
			continue
		}
		got, _ := run.Given{Flags: []run.Flag{{Name: "--" + f.name, Key: f.key,
			Value: "~/x"}}}.Resolve(run.Defaults()) // faults are of other kinds
		if is := config.Get(&got, f.key); is != "/home/me/x" {
			t.Errorf("--%s is a path, and ~/x became %s", f.name, is)
		}
	}
}
