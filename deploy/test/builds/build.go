package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// A build is a way to compile tinygrow, and to run it.
type build struct {
	name   string
	arch   string   // GOARCH
	env    []string // environment of the compiler
	args   []string // arguments of go build
	isa    string   // TINYGROW_ISA of the run, or "" for the best there is
	binary string
}

// all lists the builds. Those with an instruction set share the binary of v1.
func all() []*build {
	return []*build{
		{name: "v1", arch: "amd64", env: []string{"GOAMD64=v1"}},
		{name: "v2", arch: "amd64", env: []string{"GOAMD64=v2"}},
		{name: "v3", arch: "amd64", env: []string{"GOAMD64=v3"}},
		{name: "v4", arch: "amd64", env: []string{"GOAMD64=v4"}},
		{name: "avx512", arch: "amd64", env: []string{"GOAMD64=v1"}, isa: "avx512"},
		{name: "avx2", arch: "amd64", env: []string{"GOAMD64=v1"}, isa: "avx2"},
		{name: "generic", arch: "amd64", env: []string{"GOAMD64=v1"}, isa: "generic"},
		{name: "race", arch: runtime.GOARCH, env: []string{"CGO_ENABLED=1"}, args: []string{"-race"}},
		{name: "arm64", arch: "arm64"},
	}
}

// plain is what `go build` makes on this host.
func plain() *build { return &build{name: "plain", arch: runtime.GOARCH} }

func names() []string {
	var out []string
	for _, b := range all() {
		out = append(out, b.name)
	}
	return out
}

func selected(only string) []*build {
	if only == "" {
		return all()
	}
	wanted := strings.Split(only, ",")
	return slices.DeleteFunc(all(), func(b *build) bool { return !slices.Contains(wanted, b.name) })
}

// errAbsent means that this host cannot make or run a build.
var errAbsent = errors.New("not on this host")

// make compiles b and tries whether it runs here.
func (b *build) make(dir string) error {
	if b.arch != runtime.GOARCH && b.emulator() == "" {
		return fmt.Errorf("%w: it is for %s", errAbsent, b.arch)
	}
	key := strings.Join(append(append([]string{b.arch}, b.env...), b.args...), "-")
	b.binary = filepath.Join(dir, "tinygrow-"+strings.ReplaceAll(key, "=", ""))
	if _, err := os.Stat(b.binary); err != nil {
		c := exec.Command("go", append(append([]string{"build", "-trimpath", "-o", b.binary}, b.args...), "./cmd/tinygrow")...)
		c.Env = append(append(os.Environ(), "CGO_ENABLED=0", "GOARCH="+b.arch), b.env...)
		if out, err := c.CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w: %s", b.name, err, out)
		}
	}
	out, err := b.command("version").CombinedOutput()
	if bytes.Contains(out, []byte("can only be run on")) || bytes.Contains(out, []byte("TINYGROW_ISA")) {
		return fmt.Errorf("%w: %s", errAbsent, bytes.TrimSpace(out))
	}
	if err != nil {
		return fmt.Errorf("%s: %w: %s", b.name, err, out)
	}
	return nil
}

// emulator is what runs programs of another processor here.
func (b *build) emulator() string {
	if b.arch != "arm64" || b.arch == runtime.GOARCH {
		return ""
	}
	path, err := exec.LookPath("qemu-aarch64")
	if err != nil {
		return ""
	}
	return path
}

// command runs tinygrow of this build.
func (b *build) command(args ...string) *exec.Cmd {
	args = append([]string{b.binary}, args...)
	if e := b.emulator(); e != "" {
		args = append([]string{e}, args...)
	}
	c := exec.Command(args[0], args[1:]...)
	c.Env = os.Environ()
	if b.isa != "" {
		c.Env = append(c.Env, "TINYGROW_ISA="+b.isa)
	}
	return c
}
