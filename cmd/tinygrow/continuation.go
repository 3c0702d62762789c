package main

import (
	"fmt"
	"strings"

	"github.com/tinygrow/tinygrow/proto/bus"
)

// continuation says how a run goes on that stopped: by the command that ran it,
// with its workers, if these are elsewhere.
func (s *settings) continuation(how start, n hands, dir string) string {
	if n > 0 {
		words := append([]string{"tinygrow", "resume", dir}, s.NATS.flags()...)
		return "continue with: " + commandLine(words)
	}
	words := append([]string{"tinygrow", "coordinator"}, s.NATS.flags()...)
	if how.standby {
		words = append(words, "--run", s.Run, "--run-dir", dir, "--standby")
		return "a standby goes on with the run if there is one; this one stands by again with: " + commandLine(words)
	}
	words = append(words, "--run-dir", dir, "--resume")
	return "its workers wait and join again; continue with: " + commandLine(words)
}

// flags names the server on the command line as far as it was named before;
// passwords have to be given anew.
func (n natsSettings) flags() (words []string) {
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

// invite says how more workers may join, or nothing where none can.
func (s *settings) invite() string {
	if s.NATS.URL == "" {
		return ""
	}
	return fmt.Sprintf("; start more with tinygrow worker --nats %s", bus.Redact(s.NATS.URL))
}

// enough refuses a run that would wait for ever: more workers are wanted than
// there are, and no others can join.
func (s *settings) enough(n hands) error {
	least := s.Cluster.MinWorkers
	if s.NATS.URL != "" || s.NATS.Listen != "" || least <= int(n) {
		return nil
	}
	return usagef("cluster.min_workers %d: this process has %d, and no others can join: give --workers %d, or --listen or --nats", least, n, least)
}
