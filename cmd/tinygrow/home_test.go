package main

import (
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/tinygrow/tinygrow/deploy/run/config"
)

func TestHomeDirectoriesInPaths(t *testing.T) {
	t.Setenv("HOME", "/home/me")
	for path, want := range map[string]string{"~": "/home/me", "~/x/y": "/home/me/x/y", "a/~/b": "a/~/b", "./~": "./~", "": "", "/x": "/x"} {
		if got, err := expandHome(path); err != nil || got != want {
			t.Errorf("%s: %s, %v, want %s", path, got, err, want)
		}
	}
	if who, err := user.Current(); err == nil {
		if got, err := expandHome("~" + who.Username + "/x"); err != nil || got != filepath.Join(who.HomeDir, "x") {
			t.Errorf("~%s/x: %s, %v", who.Username, got, err)
		}
	}
	if _, err := expandHome("~nobody-of-that-name/x"); err == nil || !strings.Contains(err.Error(), "write the path out") {
		t.Errorf("%v", err)
	}
}

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
	if err := c.ParseFlags([]string{"--data-dir=~/cifar", "--set", "fetch.dir=~/cache", "--config=~/c.yaml", "--run-dir", "~/runs/a"}); err != nil {
		t.Fatal(err)
	}
	if err := expandFlags(c); err != nil {
		t.Fatal(err)
	}
	got := settings{}
	if err := src.lay(&got).Err(); err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]string{"data.dir": "cifar", "fetch.dir": "cache", "run_dir": "runs/a", "nats.creds": "seed.nk", "nats.ca": "ca.crt", "health": "alive"} {
		if is := *got.paths()[key]; is != filepath.Join(home, want) {
			t.Errorf("%s is %s, want %s in %s", key, is, want, home)
		}
	}
}

// A setting that a flag calls a file or a directory is one whose home directory is replaced.
func TestEveryPathIsExpanded(t *testing.T) {
	for _, f := range slices.Concat(dataFlags, natsFlags, runPlaceFlags, cacheFlag, healthFlag) {
		if path := new(settings).paths()[f.key]; (f.kind == "dir" || f.kind == "file") && path == nil {
			t.Errorf("--%s is a path, and its home directory is not replaced", f.name)
		}
	}
}
