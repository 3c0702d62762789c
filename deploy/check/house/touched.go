package main

import (
	"fmt"
	"os/exec"
	"path"
	"strings"
)

// revision names a commit, as git takes it.
type revision string

// touched returns the Go files that a commit of the repository at root changes by
// hand: neither tests nor generated, nor of the generators and kernels of
// tensor/kernel. They are what a new operation, policy or reader touches.
func touched(root string, of revision) ([]string, error) {
	git := func(args ...string) (string, error) {
		c := exec.Command("git", args...)
		c.Dir = root
		out, err := c.Output()
		if err != nil {
			return "", fmt.Errorf("git %s: %w: is %q a commit of the repository at %s?", strings.Join(args, " "), err, of, root)
		}
		return string(out), nil
	}
	names, err := git("show", "--name-only", "--diff-filter=d", "--format=", "--end-of-options", string(of))
	if err != nil {
		return nil, err
	}
	var files []string
	for _, name := range strings.Fields(names) {
		if path.Ext(name) != ".go" || strings.HasSuffix(name, "_test.go") || strings.HasPrefix(name, "tensor/kernel/") {
			continue
		}
		text, err := git("show", "--end-of-options", string(of)+":"+name)
		if err != nil {
			return nil, err
		}
		if !generatedMark.MatchString(text) {
			files = append(files, name)
		}
	}
	return files, nil
}

// printTouched prints the files of commits, one line for each commit.
func printTouched(root string, revisions []string) error {
	fmt.Println("| commit | files | |\n|---|---:|---|")
	for _, r := range revisions {
		files, err := touched(root, revision(r))
		if err != nil {
			return err
		}
		fmt.Printf("| %s | %d | %s |\n", r, len(files), strings.Join(files, ", "))
	}
	return nil
}
