// Command builds shows that every build of tinygrow computes the same bits: it
// trains vgg, resnet18 and mlp with two growth events by the solver, and resnet18 by the
// schedule of computation with statistics that ride along and streams that grow, by binaries for
// GOAMD64=v1 to v4, with each instruction set of the kernels, with the race
// detector, and for arm64 under qemu-aarch64, and has a coordinator of one
// build taken over from by a standby of another. Hashes of model, optimizer
// and growth journal must be those of golden.json.
//
// A change that means to change bits renews golden.json with -update, which
// writes what the host's plain build computes and then checks all others
// against it. What this host cannot run is said and left out.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// here is this directory in the repository, golden what is to come out.
const (
	here   = "deploy/test/builds"
	golden = here + "/golden.json"
)

func main() {
	update := flag.Bool("update", false, "write "+golden+" anew from the host's plain build")
	only := flag.String("only", "", "builds to check, by commas; all without it: "+strings.Join(names(), ","))
	flag.Parse()
	if err := check(*update, *only); err != nil {
		fmt.Fprintln(os.Stderr, "builds:", err)
		os.Exit(1)
	}
}

func check(update bool, only string) error {
	dir, err := os.MkdirTemp("", "tinygrow-builds-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	s := &suite{dir: dir, want: map[string]hashes{}}
	todo := selected(only)
	if len(todo) == 0 {
		return fmt.Errorf("-only %s: no such build; there are %s", only, strings.Join(names(), ", "))
	}
	if update {
		if err := s.renew(); err != nil {
			return err
		}
	}
	raw, err := os.ReadFile(golden)
	if err != nil {
		return fmt.Errorf("%w: run it at the root of the repository", err)
	}
	if err := json.Unmarshal(raw, &s.want); err != nil {
		return fmt.Errorf("%s: %w", golden, err)
	}
	var there []*build
	for _, b := range todo {
		if err := b.make(dir); errors.Is(err, errAbsent) {
			fmt.Printf("%-8s left out: %v\n", b.name, err)
			continue
		} else if err != nil {
			return err
		}
		there = append(there, b)
		s.alone(b)
	}
	s.takeovers(there)
	if s.bad > 0 {
		return fmt.Errorf("%d runs have other bits than %s", s.bad, golden)
	}
	return nil
}

// suite is what was found.
type suite struct {
	dir  string
	want map[string]hashes
	bad  int
}

// alone trains every network with a build in one process.
func (s *suite) alone(b *build) {
	for _, n := range networks {
		began := time.Now()
		got, err := b.train(s.dir, n)
		s.tell(b.name+" "+n.name, n, got, err, began)
	}
}

// takeovers lets standbys of other builds finish what a coordinator began.
func (s *suite) takeovers(there []*build) {
	for _, pair := range [][2]string{{"v1", "v3"}, {"v4", "v2"}, {"race", "v1"}, {"v3", "arm64"}} {
		first, second := find(there, pair[0]), find(there, pair[1])
		if first == nil || second == nil {
			continue
		}
		began := time.Now()
		got, err := takeover(s.dir, first, second, taken)
		s.tell(fmt.Sprintf("%s taken over by %s", pair[0], pair[1]), taken, got, err, began)
	}
}

func find(there []*build, name string) *build {
	if i := slices.IndexFunc(there, func(b *build) bool { return b.name == name }); i >= 0 {
		return there[i]
	}
	return nil
}

// tell compares a run with what is to come out.
func (s *suite) tell(what string, n network, got hashes, err error, began time.Time) {
	verdict := "same"
	switch want := s.want[n.name]; {
	case err != nil:
		verdict = err.Error()
	case got.Grew < 2:
		verdict = fmt.Sprintf("it grew %d times, not twice", got.Grew)
	case got != want:
		verdict = "OTHER BITS than " + want.String()
	}
	if verdict != "same" {
		s.bad++
	}
	fmt.Printf("%-32s %s, %.1f s: %s\n", what, got, time.Since(began).Seconds(), verdict)
}

// renew writes what the host's plain build computes.
func (s *suite) renew() error {
	b := plain()
	if err := b.make(s.dir); err != nil {
		return err
	}
	all := map[string]hashes{}
	for _, n := range networks {
		got, err := b.train(s.dir, n)
		if err != nil {
			return err
		}
		all[n.name] = got
	}
	raw, err := json.MarshalIndent(all, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.FromSlash(golden), append(raw, '\n'), 0o644)
}
