// Package quota reads how much of its host this process may use: processors
// and memory as limited by control groups, versions 1 and 2, and by affinity.
// It also tells hosts apart, so that workers in different containers know when
// they share one. It limits nothing itself, except for Go's own memory.
package quota

import (
	"math"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
)

// MaxThreads bounds the threads that a process may be told to compute with.
const MaxThreads = 4096

// CPUs returns the number of threads that can compute at once: the processors
// the process may run on, or its quota of them, rounded up. It is at least 1.
func CPUs() int { return system{"/"}.cpus(runtime.NumCPU()) }

// CPUQuota returns the quota in processors, or 0 if there is none.
func CPUQuota() float64 { return system{"/"}.cpuQuota() }

// Memory returns the limit in bytes, or 0 if there is none.
func Memory() int64 { return system{"/"}.memory() }

// Room returns how many bytes this process may take at most: its quota, or what
// the machine has; 0 where neither is told.
func Room() int64 {
	s := system{"/"}
	if m := s.memory(); m > 0 {
		return m
	}
	return s.total()
}

// Host returns a name that all processes of one kernel share, in containers
// too, and no others do; without one, the host name.
func Host() string { return system{"/"}.host() }

// LimitMemory makes Go's garbage collector keep within nine tenths of the
// limit, and returns that bound, or 0 if there is no limit. An explicit
// GOMEMLIMIT is left alone.
func LimitMemory() int64 {
	limit := Memory()
	if limit == 0 || os.Getenv("GOMEMLIMIT") != "" {
		return 0
	}
	limit -= limit / 10
	debug.SetMemoryLimit(limit)
	return limit
}

// system is the tree of files that the kernel shows, below root.
type system struct{ root string }

func (s system) cpus(present int) int {
	q := s.cpuQuota()
	if q <= 0 {
		return max(present, 1)
	}
	return max(min(present, int(math.Ceil(q-0.01))), 1)
}

func (s system) cpuQuota() float64 {
	least := 0.0
	note := func(quota, period float64) {
		if quota > 0 && period > 0 && (least == 0 || quota/period < least) {
			least = quota / period
		}
	}
	for _, dir := range s.groups("cpu") {
		if f := strings.Fields(s.read(dir, "cpu.max")); len(f) == 2 {
			note(number(f[0]), number(f[1]))
		}
		note(number(s.read(dir, "cpu.cfs_quota_us")), number(s.read(dir, "cpu.cfs_period_us")))
	}
	return least
}

func (s system) memory() int64 {
	least := 0.0
	for _, dir := range s.groups("memory") {
		for _, name := range []string{"memory.max", "memory.high", "memory.limit_in_bytes"} {
			// Version 1 says "none" by a number near 2^63.
			if n := number(s.read(dir, name)); n > 0 && n < 1<<60 && (least == 0 || n < least) {
				least = n
			}
		}
	}
	return int64(least)
}

// total returns the memory of the machine in bytes, 0 where that is not told.
func (s system) total() int64 {
	for _, line := range lines(s.read("/proc", "meminfo")) {
		if f := strings.Fields(line); len(f) == 3 && f[0] == "MemTotal:" {
			return int64(number(f[1])) << 10
		}
	}
	return 0
}

func (s system) host() string {
	if id := s.read("/proc/sys/kernel/random", "boot_id"); id != "" {
		return id
	}
	name, _ := os.Hostname()
	return name
}

// groups returns the directories of the process's control group and of all
// above it, for a controller, as far as they are mounted.
func (s system) groups(controller string) []string {
	var dirs []string
	for _, line := range lines(s.read("/proc/self", "cgroup")) { // 4:cpu,cpuacct:/path, or 0::/path
		part := strings.SplitN(line, ":", 3)
		if len(part) != 3 {
			continue
		}
		two := part[0] == "0" && part[1] == ""
		if !two && !slices.Contains(strings.Split(part[1], ","), controller) {
			continue
		}
		mount, root, ok := s.mount(two, controller)
		if !ok {
			continue
		}
		path := part[2]
		if rest, below := strings.CutPrefix(path, root); below && root != "/" {
			path = rest
		} else if root != "/" {
			path = "/" // the mount shows our own group at its top
		}
		for path = filepath.Clean("/" + path); ; path = filepath.Dir(path) {
			dirs = append(dirs, filepath.Join(mount, path))
			if path == "/" {
				break
			}
		}
	}
	return dirs
}

// mount returns where a hierarchy is mounted and which of its groups is at the top.
func (s system) mount(two bool, controller string) (dir, root string, ok bool) {
	for _, line := range lines(s.read("/proc/self", "mountinfo")) {
		head, tail, found := strings.Cut(line, " - ") // ID PARENT MAJOR:MINOR ROOT DIR OPTIONS... - TYPE SOURCE SUPER
		h, t := strings.Fields(head), strings.Fields(tail)
		if !found || len(h) < 5 || len(t) < 3 {
			continue
		}
		if two && t[0] == "cgroup2" || !two && t[0] == "cgroup" && slices.Contains(strings.Split(t[2], ","), controller) {
			return h[4], h[3], true
		}
	}
	return "", "", false
}

// read returns the contents of a small file, given by the parts of its path,
// without surrounding space, or "".
func (s system) read(path ...string) string {
	text, err := os.ReadFile(filepath.Join(append([]string{s.root}, path...)...))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(text))
}

func lines(text string) []string { return strings.Split(text, "\n") }

// number returns a number, or 0 for anything else, such as "max".
func number(text string) float64 {
	n, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(n) || math.IsInf(n, 0) {
		return 0
	}
	return n
}
