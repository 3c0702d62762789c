package main

import (
	"strings"

	"github.com/tinygrow/tinygrow/deploy/run"
	"github.com/tinygrow/tinygrow/proto/bus"
)

// continuation says how a run goes on that stopped: by the command that ran it,
// with its workers, if these are elsewhere.
func continuation(s *run.Settings, how run.Start, dir string) string {
	if how.Workers > 0 {
		words := append([]string{"tinygrow", "resume", dir}, serverFlags(s.NATS)...)
		return "continue with: " + commandLine(words)
	}
	words := append([]string{"tinygrow", "coordinator"}, serverFlags(s.NATS)...)
	if how.Standby {
		words = append(words, "--run", s.Run, "--run-dir", dir, "--standby")
		return "a standby goes on with the run if there is one; this one stands by again with: " + commandLine(words)
	}
	words = append(words, "--run-dir", dir, "--resume")
	return "its workers wait and join again; continue with: " + commandLine(words)
}

// serverFlags names the server on the command line as far as it was named before;
// passwords have to be given anew.
func serverFlags(n run.NATS) (words []string) {
	if n.Listen != "" {
		return []string{"--listen", n.Listen}
	}
	for _, f := range []struct{ flag, value string }{{"--nats", bus.Redact(n.URL)}, {"--creds", n.Creds}, {"--ca", n.CA}} {
		if f.value != "" {
			words = append(words, f.flag, f.value)
		}
	}
	return words
}

// commandLine joins words to what a shell takes apart again.
func commandLine(words []string) string {
	quoted := make([]string, len(words))
	for i, w := range words {
		quoted[i] = w
		if w == "" || strings.Trim(w, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./:=,@+%") != "" {
			quoted[i] = "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
		}
	}
	return strings.Join(quoted, " ")
}
