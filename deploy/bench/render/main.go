// Command render writes the committed results of deploy/bench/results into the
// tables of README.md, between the markers `<!-- results:NAME -->` and
// `<!-- end:NAME -->`. It computes medians and formats; it measures nothing.
//
//	go run ./deploy/bench/render
package main

import (
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	root := "."
	if len(os.Args) == 2 {
		root = os.Args[1]
	}
	if err := run(root); err != nil {
		fmt.Fprintln(os.Stderr, "render:", err)
		os.Exit(1)
	}
}

// run rewrites root/README.md.
func run(root string) error {
	path := filepath.Join(root, "README.md")
	old, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	fresh, err := render(string(old), filepath.Join(root, "deploy", "bench", "results"))
	if err != nil {
		return err
	}
	return os.WriteFile(path, []byte(fresh), 0o644)
}
