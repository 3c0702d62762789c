package main

import (
	"os"
	"testing"
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
