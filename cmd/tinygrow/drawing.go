package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/tinygrow/tinygrow/coordinator/picture"
)

// drawing is what commands that draw are asked for by the same flags.
type drawing struct{ out, title, size string }

// flags adds the flags. name is what is said of the file's name if none is given.
func (d *drawing) flags(c *cobra.Command, name string) {
	f := c.Flags()
	f.StringVar(&d.out, "out", "", "`file` to write, .svg or .png (default: "+name+")")
	f.StringVar(&d.title, "title", "", "title of the picture")
	f.StringVar(&d.size, "size", string(picture.ForReadme), "readme: 22 cm wide, with large type; paper: a column of 8.6 cm, "+
		"with type of 8 points and PNG of 300 dots an inch")
	must(c.RegisterFlagCompletionFunc("size", cobra.FixedCompletions([]string{string(picture.ForReadme), string(picture.ForPaper)},
		cobra.ShellCompDirectiveNoFileComp)))
}

// draw lets a picture be drawn as the flags say, into name if they name no file, and prints where it is.
func (d *drawing) draw(c *cobra.Command, name string, made func(picture.Drawing) error) error {
	if s := picture.Size(d.size); s != picture.ForReadme && s != picture.ForPaper {
		return usagef("--size %q: must be %s or %s", d.size, picture.ForReadme, picture.ForPaper)
	}
	if d.out != "" {
		name = d.out
	}
	if err := picture.CheckName(name); err != nil {
		return as(exitUsage, err)
	}
	if err := made(picture.Drawing{File: name, Title: d.title, Size: picture.Size(d.size)}); err != nil {
		return err
	}
	_, err := fmt.Fprintln(c.OutOrStdout(), name)
	return err
}
