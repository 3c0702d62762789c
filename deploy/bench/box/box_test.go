package box

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tinygrow/tinygrow/coordinator"
	"github.com/tinygrow/tinygrow/deploy/bench/scale"
	"github.com/tinygrow/tinygrow/worker"
)

func TestConfigNamesAllFaults(t *testing.T) {
	err := Config{Links: Links{Mbit: 0.5, Delay: -1}, Servers: "two"}.Validate()
	for _, want := range []string{"0 hosts", "0.5 Mbit/s", "delay -1ns", `servers "two"`, "0 workers a host", "0 threads"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("no %q in %v", want, err)
		}
	}
	if err := (Config{Links: Links{Hosts: 2}, Servers: OneServer, Workers: 1, Threads: 1, Reducers: 3}).Validate(); err == nil ||
		!strings.Contains(err.Error(), "3 reducers: must be 0 to the number of hosts, 2") {
		t.Error(err)
	}
	if err := (Config{Links: Links{Hosts: 2}, Servers: EachServers, Workers: 1, Threads: 1}).Validate(); err != nil {
		t.Error(err)
	}
}

func TestWhatAMachineLacksIsNamed(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	err := Links{}.Check()
	if !errors.Is(err, ErrLacks) || !strings.Contains(err.Error(), "ip is not there: install iproute2") {
		t.Error(err)
	}
}

func TestShapesFollowRateAndDelay(t *testing.T) {
	join := func(l Links) (all string) {
		for _, args := range l.shape("n", "eth0") {
			all += strings.Join(args, " ") + "\n"
		}
		return all
	}
	if got := join(Links{}); got != "" {
		t.Errorf("no bound, no delay: %s", got)
	}
	// 1 Gbit/s is 125 MB/s: 2 ms of it is 250,000 bytes, 400 ms 50,000,000.
	want := "tc -n n qdisc add dev eth0 root tbf rate 1000000000bit burst 250000 limit 50000000\n"
	if got := join(Links{Mbit: 1000}); got != want {
		t.Errorf("%s, want %s", got, want)
	}
	want = "tc -n n qdisc add dev eth0 root handle 1: netem delay 5000us limit 1000000\n" +
		"tc -n n qdisc add dev eth0 parent 1:1 tbf rate 10000000bit burst 65536 limit 4194304\n"
	if got := join(Links{Mbit: 10, Delay: 5 * time.Millisecond}); got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestAddressesDiffer(t *testing.T) {
	seen := map[string]bool{}
	for i := range maxHosts + 1 {
		if a := address(i); seen[a] || strings.HasSuffix(a, ".0") || strings.HasSuffix(a, ".255") {
			t.Errorf("host %d has %s", i, a)
		} else {
			seen[a] = true
		}
	}
	if n, first := (Config{Links: Links{Hosts: 3}, Apart: true}).places(); n != 4 || first != 1 {
		t.Error(n, first)
	}
}

func TestAbandonedAreThoseOfTheDead(t *testing.T) {
	got := abandoned("tgbox7-0 (id: 3)\ntgbox8-switch\nother7-0\ntgbox-1\ntgboxes9-1\n", func(pid int) bool { return pid == 8 })
	if !slices.Equal(got, []string{"tgbox7-0"}) {
		t.Error(got)
	}
}

// ports is what `ip -s -j link show` prints, less what is not read.
const ports = `[{"ifname":"lo","stats64":{"rx":{"bytes":9},"tx":{"bytes":9}}},
{"ifname":"br0","stats64":{"rx":{"bytes":5},"tx":{"bytes":6}}},
{"ifname":"h1","stats64":{"rx":{"bytes":30,"packets":1},"tx":{"bytes":40}}},
{"ifname":"h0","stats64":{"rx":{"bytes":10},"tx":{"bytes":20}}}]`

func TestCountsAreThoseOfThePorts(t *testing.T) {
	got, err := readCounts([]byte(ports), 2)
	if err != nil || !slices.Equal(got, []count{{10, 20}, {30, 40}}) {
		t.Error(got, err)
	}
	for text, n := range map[string]int{ports: 3, "": 1, "{}": 1} {
		if _, err := readCounts([]byte(text), n); err == nil {
			t.Errorf("%d of %q were read", n, text)
		}
	}
}

// Two hosts compute for 40 of 100 ms; links carry 1000 bytes/s up and twice that down.
func TestReportAddsUp(t *testing.T) {
	began := time.Unix(1000, 0)
	var r coordinator.Result
	r.StandIn, r.ParamsEnd, r.WallS, r.ModelSHA256 = true, 7, 2, "abc"
	r.Timing = coordinator.Timing{Steps: 10, Samples: 640, WallS: 1, Partials: 20, Threads: 2}
	m := &scale.Measured{Workers: 2, Result: r, Stats: []worker.Stats{
		{Blocks: 10, Compute: 0.4, CPUS: 0.1}, {Blocks: 10, Compute: 0.4, CPUS: 0.1}}}
	for i := range 11 {
		wall := []string{"0.5", "0.6", "0.7", "0.8", "0.9", "1", "1.1", "1.2", "1.3", "1.4", "1.5"}[i]
		m.Metrics = append(m.Metrics, `{"kind":"step","step":1,"wall_s":`+wall+"}\n"...)
	}
	m.Metrics = append(m.Metrics, `{"kind":"evaluation","wall_s":1.9}`...)
	var seen []sample
	for i := range 5 {
		bytes := uint64(i * 500)
		seen = append(seen, sample{began.Add(time.Duration(i) * 500 * time.Millisecond), []count{{bytes, 2 * bytes}}})
	}
	got, err := Config{Links: Links{Hosts: 2, Mbit: 100}, Workers: 1, Threads: 1, Servers: OneServer}.report(m, seen, began.Add(2*time.Second))
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ got, want float64 }{
		"median": {got.StepMS, 100}, "mean": {got.MeanMS, 100}, "efficiency": {got.Efficiency, 0.4}, "batch": {float64(got.Batch), 64},
		"up": {got.Links[0].Up, 100}, "down": {got.Links[0].Down, 200}, "busiest": {got.Busiest, 200}, "CPU": {got.CPUMS, 20},
		"compute": {got.Split.Compute, 40},
	} {
		if math.Abs(c.got-c.want) > 1e-6*c.want {
			t.Errorf("%s: %v, want %v", name, c.got, c.want)
		}
	}
	if !got.StandIn || got.ModelSHA != "abc" || got.Params != 7 {
		t.Errorf("%+v", got)
	}
	if _, err := (Config{}).report(m, seen[:1], began); err == nil {
		t.Error("links that were looked at once were counted")
	}
	m.Metrics = m.Metrics[:60]
	if _, err := (Config{}).report(m, seen, began); err == nil {
		t.Error("half a line was read")
	}
}
