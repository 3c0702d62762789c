// Command render writes the committed results of deploy/bench/results into the
// tables of README.md and of pages of deploy/docs, between the markers
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

// documents are what may hold tables: README.md and all pages.
func documents(root string) ([]string, error) {
	pages, err := filepath.Glob(filepath.Join(root, "deploy", "docs", "*.md"))
	return append(pages, filepath.Join(root, "README.md")), err
}

// run rewrites the documents below root.
func run(root string) error {
	paths, err := documents(root)
	if err != nil {
		return err
	}
	for _, path := range paths {
		old, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		fresh, err := render(old, filepath.Join(root, "deploy", "bench", "results"))
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		if err := os.WriteFile(path, []byte(fresh), 0o644); err != nil {
			return err
		}
	}
	return nil
}
