package main

import (
	"encoding/json"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/tinygrow/tinygrow/tensor/kernel"
)

// version is set by releases with -ldflags "-X main.version=v1.2.3".
var version = ""

func newVersion() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:     "version",
		Short:   "Print the version, the Go release and the instruction set in use",
		Example: "  tinygrow version --json",
		Args:    noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			v := struct {
				Version string `json:"version"`
				Go      string `json:"go"`
				OS      string `json:"os"`
				Arch    string `json:"arch"`
				ISA     string `json:"isa"`
			}{buildVersion(), runtime.Version(), runtime.GOOS, runtime.GOARCH, kernel.Active().String()}
			if asJSON {
				return json.NewEncoder(c.OutOrStdout()).Encode(v)
			}
			_, err := fmt.Fprintln(c.OutOrStdout(), versionLine())
			return err
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	return c
}

// versionLine is what version and --version print.
func versionLine() string {
	return fmt.Sprintf("tinygrow %s, %s, %s/%s, %s kernels", buildVersion(), runtime.Version(), runtime.GOOS, runtime.GOARCH,
		kernel.Active())
}

// program names this build to coordinators.
func program() string { return "tinygrow " + buildVersion() }

// buildVersion returns the released version, or else the commit it was built from.
func buildVersion() string {
	if version != "" {
		return version
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	revision, dirty := "", ""
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			revision = s.Value[:min(12, len(s.Value))]
		case s.Key == "vcs.modified" && s.Value == "true":
			dirty = "+changes"
		}
	}
	if revision == "" {
		return "development"
	}
	return revision + dirty
}
