// Command render writes the committed results of deploy/bench/results into the
// tables of README.md, between the markers
// `<!-- results:NAME -->` and `<!-- end:NAME -->`. It computes medians and formats; it measures nothing.
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

// documents hold tables.
var documents = []string{"README.md"}

// run rewrites the documents below root.
func run(root string) error {
	for _, name := range documents {
		path := filepath.Join(root, name)
		old, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		fresh, err := render(old, filepath.Join(root, "deploy", "bench", "results"))
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if err := os.WriteFile(path, []byte(fresh), 0o644); err != nil {
			return err
		}
	}
	return nil
}
