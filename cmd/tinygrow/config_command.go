package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tinygrow/tinygrow/deploy/run"
	"github.com/tinygrow/tinygrow/deploy/run/config"
)

func newConfig() *cobra.Command {
	c := &cobra.Command{
		Use:     "config",
		Short:   "Show, explain and check settings",
		Example: "  tinygrow config print run.yaml\n  tinygrow config keys optim\n  tinygrow config check run.yaml",
		Args:    commandsOnly,
		RunE:    func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newConfigPrint(), newConfigKeys(), newConfigCheck())
	return c
}

func newConfigPrint() *cobra.Command {
	var schema, asJSON bool
	c := &cobra.Command{
		Use:   "print [CONFIG|RUN]",
		Short: "Print all settings of a file or a run as YAML, or their schema for editors",
		Long: `Prints what a run would be started with: the defaults, what the growth policy starts from, and over them the recipe,
the file CONFIG, the environment, --set and flags. Of a run directory it prints what that run is made with as it stands.
With --schema it prints a JSON Schema (draft 2020-12), with which an editor completes, explains and checks the keys of a file that
begins with "# yaml-language-server: $schema=settings.schema.json".`,
		Example: `  tinygrow config print run.yaml --set optim.lr=0.05
  tinygrow config print --recipe cifar10-vgg > mine.yaml
  tinygrow config print runs/shapes-1
  tinygrow config print --schema > settings.schema.json`,
		Args: atMostOneArg,
	}
	src := newSource(c, dataFlags, runFlags, endFlags, policyFlag)
	src.addRecipe()
	c.Flags().BoolVar(&schema, "schema", false, "print the JSON Schema of all settings")
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON object in place of YAML")
	c.RunE = func(c *cobra.Command, args []string) error {
		if schema {
			if g := src.given(); len(args) > 0 || g.Recipe != "" || g.File != "" || len(g.Assignments)+len(g.Flags) > 0 {
				return usagef("config print --schema describes all settings, whatever they are set to: give it alone")
			}
			return printSchema(c.OutOrStdout())
		}
		s, err := resolved(src, args)
		if err != nil {
			return err
		}
		encode := config.Encode
		if asJSON {
			encode = config.EncodeJSON
		}
		text, err := encode(&s)
		if err != nil {
			return err
		}
		_, err = c.OutOrStdout().Write(text)
		return err
	}
	return c
}

// resolved returns the settings that a file or a run has, and what else was given.
func resolved(src *source, args []string) (run.Settings, error) {
	g := src.given()
	if len(args) == 0 {
		return g.Describe()
	}
	if run.IsRun(args[0]) {
		return g.DescribeRun(args[0])
	}
	if g.File != "" {
		return run.Settings{}, usagef("%s and --config %s: give one of them", args[0], g.File)
	}
	g.File = args[0]
	return g.Describe()
}

func printSchema(out io.Writer) error {
	base := run.Defaults()
	text, err := config.Schema(&base, "Settings of a tinygrow run", run.Notes())
	if err == nil {
		_, err = out.Write(text)
	}
	return err
}

func newConfigKeys() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "keys [WORD]",
		Short: "Tell of every setting, or of those whose key has a word in it, what it does",
		Example: `  tinygrow config keys optim
  tinygrow config keys --json`,
		Args: atMostOneArg,
		RunE: func(c *cobra.Command, args []string) error {
			list := explained(strings.Join(args, ""))
			if len(list) == 0 {
				base := run.Defaults()
				return usagef("no key has %q in it%s", args[0], config.Meant(args[0], config.Keys(&base)))
			}
			if asJSON {
				return json.NewEncoder(c.OutOrStdout()).Encode(list)
			}
			for _, k := range list {
				fmt.Fprint(c.OutOrStdout(), k)
			}
			return nil
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print a JSON array")
	return c
}

// explanation is what config keys tells of a key.
type explanation struct {
	Key     string `json:"key"`
	Default string `json:"default"`
	Values  string `json:"values,omitempty"`
	Does    string `json:"does"`
}

// explained returns the keys that have a word in them.
func explained(word string) (list []explanation) {
	base := run.Defaults()
	for _, n := range run.Notes() {
		if strings.Contains(n.Key, word) {
			list = append(list, explanation{n.Key, config.Get(&base, n.Key), n.Values.String(), strings.ReplaceAll(n.Does, "`", "")})
		}
	}
	return list
}

// String writes an explanation on two lines or more.
func (e explanation) String() string {
	text := e.Key
	if e.Default != "" {
		text += ": " + e.Default
	}
	if e.Values != "" {
		text += "  (" + e.Values + ")"
	}
	return text + "\n" + indented(e.Does)
}

// indented breaks a text into lines of at most a hundred characters.
func indented(text string) string {
	var b strings.Builder
	line := "   "
	for word := range strings.FieldsSeq(text) {
		if len(line)+1+len(word) > 100 {
			b.WriteString(line + "\n")
			line = "   "
		}
		line += " " + word
	}
	return b.String() + line + "\n"
}

// checked is what config check --json prints of a file.
type checked struct {
	File   string   `json:"file"`
	Faults []string `json:"faults"`
	Idle   []string `json:"idle,omitempty"` // what has no effect beside the rest
}

func newConfigCheck() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "check CONFIG...",
		Short: "Check configuration files and start nothing",
		Long: `Reads configuration files as train would, and tells every fault with its line and the nearest known key, and of a
file without faults the settings that have no effect beside the others. Neither the environment nor the data set is looked at:
tinygrow coordinator --check does that too.`,
		Example: "  tinygrow config check run.yaml\n  tinygrow config check experiments/*.yaml --json",
		Args: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usagef("%s needs one configuration file or more: see %[1]s --help", c.CommandPath())
			}
			return nil
		},
		RunE: func(c *cobra.Command, files []string) error {
			list, faulty := []checked{}, 0
			for _, name := range files {
				one, given := checked{File: name, Faults: []string{}}, run.Given{File: name}
				if s, err := given.Describe(); err != nil {
					faulty++
					one.Faults = strings.Split(err.Error(), "\n")
				} else {
					one.Idle = given.Idle(s)
				}
				list = append(list, one)
			}
			if asJSON {
				if err := json.NewEncoder(c.OutOrStdout()).Encode(list); err != nil {
					return err
				}
			} else if err := tellChecked(c, list); err != nil {
				return err
			}
			if faulty > 0 {
				return silentError{exitUsage}
			}
			return nil
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print a JSON array")
	return c
}

func tellChecked(c *cobra.Command, list []checked) error {
	var failed error
	for _, one := range list {
		if len(one.Faults) == 0 {
			lines := append([]string{one.File + ": no fault"}, one.Idle...)
			_, err := fmt.Fprintf(printable{c.OutOrStdout()}, "%s\n", strings.Join(lines, "\n  "))
			failed = errors.Join(failed, err)
			continue
		}
		fmt.Fprintf(printable{c.ErrOrStderr()}, "%s: faults: %d\n  %s\n", one.File, len(one.Faults),
			strings.Join(one.Faults, "\n  "))
	}
	return failed
}
