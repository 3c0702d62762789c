package box

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// ErrLacks is returned when this machine cannot hold a cluster.
var ErrLacks = errors.New("no cluster in a box on this machine")

// Check returns what is missing here, or nil.
func (l Links) Check() error {
	var lacks []string
	if os.Geteuid() != 0 {
		lacks = append(lacks, "network namespaces need root: run it as root")
	}
	for _, tool := range []string{"ip", "tc"} {
		if _, err := exec.LookPath(tool); err != nil {
			lacks = append(lacks, tool+" is not there: install iproute2")
		}
	}
	if lacks == nil {
		return nil
	}
	return fmt.Errorf("%w: %s", ErrLacks, strings.Join(lacks, "; "))
}

// prefix begins the names of namespaces; the id of the process that made them follows.
const prefix = "tgbox"

// network is the switch and the hosts.
type network struct{ made []string } // names of namespaces

func host(i int) string { return fmt.Sprintf("%s%d-%d", prefix, os.Getpid(), i) }

func switchName() string { return fmt.Sprintf("%s%d-switch", prefix, os.Getpid()) }

// inside is the command that runs others on a host.
func inside(i int) []string { return []string{"ip", "netns", "exec", host(i)} }

// build makes n hosts. What it made so far is in the network that it returns, also with an error.
func (l Links) build(ctx context.Context, n int) (*network, error) {
	w := new(network)
	sweep(ctx)
	sw := switchName()
	if err := w.namespace(ctx, sw); err != nil {
		return w, err
	}
	if err := run(ctx, "ip", "-n", sw, "link", "add", "br0", "type", "bridge"); err != nil {
		return w, err
	}
	if err := run(ctx, "ip", "-n", sw, "link", "set", "br0", "up"); err != nil {
		return w, err
	}
	for i := range n {
		if err := w.host(ctx, i, l); err != nil {
			return w, err
		}
	}
	return w, nil
}

func (w *network) namespace(ctx context.Context, name string) error {
	if err := run(ctx, "ip", "netns", "add", name); err != nil {
		return err
	}
	w.made = append(w.made, name)
	return nil
}

// host makes host i, and its link.
func (w *network) host(ctx context.Context, i int, l Links) error {
	name, sw, port := host(i), switchName(), portOf(i)
	if err := w.namespace(ctx, name); err != nil {
		return err
	}
	steps := [][]string{
		{"ip", "-n", sw, "link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", name},
		{"ip", "-n", sw, "link", "set", port, "master", "br0", "up"},
		{"ip", "-n", name, "addr", "add", address(i) + "/16", "dev", "eth0"},
		{"ip", "-n", name, "link", "set", "eth0", "up"},
		{"ip", "-n", name, "link", "set", "lo", "up"},
	}
	for _, end := range [][2]string{{name, "eth0"}, {sw, port}} { // what leaves it, and what comes to it
		steps = append(steps, l.shape(end[0], end[1])...)
	}
	for _, args := range steps {
		if err := run(ctx, args[0], args[1:]...); err != nil {
			return err
		}
	}
	return nil
}

// shape returns the commands that bound what leaves an interface: a token bucket, behind
// a delay if there is one. A queue holds what a sender may have on its way, so that little
// is dropped.
func (l Links) shape(namespace, device string) [][]string {
	add := []string{"tc", "-n", namespace, "qdisc", "add", "dev", device}
	var list [][]string
	parent := []string{"root"}
	if l.Delay > 0 {
		list = append(list, append(append([]string{}, add...), "root", "handle", "1:", "netem", "delay",
			fmt.Sprintf("%dus", l.Delay.Microseconds()), "limit", "1000000"))
		parent = []string{"parent", "1:1"}
	}
	if l.Mbit > 0 {
		bytes := l.Mbit * 1e6 / 8
		list = append(list, append(append(append([]string{}, add...), parent...), "tbf", "rate", fmt.Sprintf("%.0fbit", l.Mbit*1e6),
			"burst", strconv.Itoa(int(max(bytes*burst.Seconds(), 1<<16))), "limit", strconv.Itoa(int(max(bytes*queue.Seconds(), 4<<20)))))
	}
	return list
}

const (
	burst = 2 * time.Millisecond   // at the full rate
	queue = 400 * time.Millisecond // at the full rate
)

func portOf(i int) string { return "h" + strconv.Itoa(i) }

// close takes everything away, whatever happened to ctx.
func (w *network) close() error {
	var errs []error
	for _, name := range w.made {
		errs = append(errs, run(context.Background(), "ip", "netns", "del", name))
	}
	w.made = nil
	return errors.Join(errs...)
}

// sweep takes away what processes left that were killed.
func sweep(ctx context.Context) {
	out, err := exec.CommandContext(ctx, "ip", "netns", "list").Output()
	if err != nil {
		return
	}
	for _, name := range abandoned(string(out), alive) {
		if pids, err := exec.CommandContext(ctx, "ip", "netns", "pids", name).Output(); err == nil {
			for _, id := range strings.Fields(string(pids)) { // they would wait for their server for ever
				if pid, err := strconv.Atoi(id); err == nil {
					endProcess(pid)
				}
			}
		}
		_ = run(ctx, "ip", "netns", "del", name) // somebody else may have done it
	}
}

// abandoned returns the namespaces of a list whose makers are gone.
func abandoned(list string, alive func(pid int) bool) []string {
	var names []string
	for line := range strings.Lines(list) {
		name, _, _ := strings.Cut(strings.TrimSpace(line), " ")
		rest, ours := strings.CutPrefix(name, prefix)
		id, _, _ := strings.Cut(rest, "-")
		if pid, err := strconv.Atoi(id); ours && err == nil && !alive(pid) {
			names = append(names, name)
		}
	}
	return names
}

func endProcess(pid int) {
	if p, err := os.FindProcess(pid); err == nil {
		_ = p.Kill() // it may have ended
	}
}

func alive(pid int) bool {
	_, err := os.Stat("/proc/" + strconv.Itoa(pid))
	return err == nil
}

// run runs a command; its error has what it said.
func run(ctx context.Context, name string, args ...string) error {
	out, err := exec.CommandContext(ctx, name, args...).CombinedOutput()
	if err == nil {
		return nil
	}
	said := strings.TrimSpace(string(out))
	if strings.Contains(said, "qdisc kind is unknown") {
		kind := "tbf"
		if strings.Contains(strings.Join(args, " "), "netem") {
			kind = "netem, which delays: leave the delay out, or load sch_netem"
		}
		return fmt.Errorf("%w: this kernel has no %s", ErrLacks, kind)
	}
	return fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, said)
}

// count is what a link carried, in bytes.
type count struct{ up, down uint64 }

// counts returns what the links of n hosts carried so far.
func counts(ctx context.Context, n int) ([]count, error) {
	out, err := exec.CommandContext(ctx, "ip", "-n", switchName(), "-s", "-j", "link", "show").Output()
	if err != nil {
		return nil, fmt.Errorf("counters of the links: %w", err)
	}
	return readCounts(out, n)
}

// readCounts reads what ip says of the switch: what a port receives goes up from its host.
func readCounts(out []byte, n int) ([]count, error) {
	var ports []struct {
		Name  string `json:"ifname"`
		Stats struct {
			RX, TX struct{ Bytes uint64 }
		} `json:"stats64"`
	}
	if err := json.Unmarshal(out, &ports); err != nil {
		return nil, fmt.Errorf("counters of the links: %w", err)
	}
	list, found := make([]count, n), 0
	for _, p := range ports {
		for i := range n {
			if p.Name == portOf(i) {
				list[i] = count{p.Stats.RX.Bytes, p.Stats.TX.Bytes}
				found++
			}
		}
	}
	if found != n {
		return nil, fmt.Errorf("counters of the links: %d of %d are there", found, n)
	}
	return list, nil
}
