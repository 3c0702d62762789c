package main

import (
	"os"
	"strings"
	"testing"

	"github.com/tinygrow/tinygrow/deploy/run"
)

func TestCommittedPageIsWhatTheCodeSays(t *testing.T) {
	committed, err := os.ReadFile("../settings.md")
	if err != nil {
		t.Fatal(err)
	}
	if string(committed) != page() {
		t.Error("deploy/docs/settings.md is not what the settings are: run `go run ./deploy/docs/render`")
	}
}

// Every section says what it is about.
func TestSectionsAreExplained(t *testing.T) {
	for _, n := range run.Notes() {
		section, _, inside := strings.Cut(n.Key, ".")
		if inside && sections[section] == "" {
			t.Errorf("nothing is said of the section %s", section)
		}
	}
}
