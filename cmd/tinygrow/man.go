package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
)

func newMan() *cobra.Command {
	return &cobra.Command{
		Use:   "man DIR",
		Short: "Write manual pages of all commands and settings into a directory",
		Long: `Writes a manual page of each command (tinygrow-train.1), of all settings (tinygrow-settings.7) and of the exit codes
(tinygrow-exit-codes.7) into DIR, which is made if it is not there. Where DIR is a man directory of the system or below MANPATH,
man finds them.`,
		Example: "  tinygrow man ~/.local/share/man/man1\n  tinygrow man . && man ./tinygrow-train.1",
		Args:    oneArg("DIR"),
		RunE: func(c *cobra.Command, args []string) error {
			dir := args[0]
			if err := os.MkdirAll(dir, 0o755); err != nil {
				return usagef("%w: name a directory that can be written", err)
			}
			pages := 0
			err := eachPage(c.Root(), func(page *cobra.Command, section string) error {
				name := strings.ReplaceAll(page.CommandPath(), " ", "-")
				header := &doc.GenManHeader{Title: strings.ToUpper(name), Section: section, Source: program(), Manual: "tinygrow"}
				var out strings.Builder
				page.Long = fenced(page.Long)
				if err := doc.GenMan(page, header, &out); err != nil {
					return err
				}
				pages++
				text := strings.ReplaceAll(out.String(), `tinygrow(7)`, `tinygrow(1)`) // commands are in section 1
				return os.WriteFile(filepath.Join(dir, name+"."+section), []byte(text), 0o644)
			})
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(c.OutOrStdout(), "%d pages in %s\n", pages, dir)
			return err
		},
	}
}

// eachPage visits the commands that have a page, and its section.
func eachPage(c *cobra.Command, visit func(page *cobra.Command, section string) error) error {
	section := "1"
	if c.IsAdditionalHelpTopicCommand() {
		section = "7"
	} else if !c.IsAvailableCommand() || c.Name() == "help" {
		return nil
	}
	c.DisableAutoGenTag = true
	if err := visit(c, section); err != nil {
		return err
	}
	for _, sub := range c.Commands() {
		if err := eachPage(sub, visit); err != nil {
			return err
		}
	}
	return nil
}

// fenced marks the paragraphs of a text whose lines are set by hand as such, or a
// manual page would run them together.
func fenced(text string) string {
	paragraphs := strings.Split(text, "\n\n")
	for i, p := range paragraphs {
		if strings.HasPrefix(p, "  ") || strings.Contains(p, "\n  ") {
			paragraphs[i] = "```\n" + p + "\n```"
		}
	}
	return strings.Join(paragraphs, "\n\n")
}
