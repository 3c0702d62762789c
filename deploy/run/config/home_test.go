package config

import (
	"os/user"
	"path/filepath"
	"strings"
	"testing"
)

func TestHomeDirectoriesInPaths(t *testing.T) {
	t.Setenv("HOME", "/home/me")
	for path, want := range map[string]string{"~": "/home/me", "~/x/y": "/home/me/x/y", "a/~/b": "a/~/b", "./~": "./~", "": "",
		"/x": "/x"} {
		if got, err := ExpandHome(path); err != nil || got != want {
			t.Errorf("%s: %s, %v, want %s", path, got, err, want)
		}
	}
	if who, err := user.Current(); err == nil {
		if got, err := ExpandHome("~" + who.Username + "/x"); err != nil || got != filepath.Join(who.HomeDir, "x") {
			t.Errorf("~%s/x: %s, %v", who.Username, got, err)
		}
	}
	if _, err := ExpandHome("~nobody-of-that-name/x"); err == nil || !strings.Contains(err.Error(), "write the path out") {
		t.Errorf("%v", err)
	}
}
