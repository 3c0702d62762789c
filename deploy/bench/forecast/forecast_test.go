package forecast

import (
	"bytes"
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/tinygrow/tinygrow/proto"
	_ "github.com/tinygrow/tinygrow/proto/bus/natsbus" // costs of the wire are measured on it
	"github.com/tinygrow/tinygrow/tensor/kernel"
	"github.com/tinygrow/tinygrow/tensor/nn"
	"github.com/tinygrow/tinygrow/tensor/optim"
)

// plain is a job of 1000 parameters on hosts of one thread, whose costs are nothing but
// 10 ms of a micro-shard.
func plain(hosts, batch int) Config {
	return Config{Cluster: Cluster{Hosts: hosts, Workers: 1, Threads: 1}, Job: Job{Params: 100_000, Batch: batch, MicroShard: 32},
		Layout: Layout{Bytes: 4, Every: 1}, Costs: Costs{MicroShardMS: 10}}
}

func mustRun(t *testing.T, c Config) Result {
	t.Helper()
	r, err := Run(c)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func near(t *testing.T, what string, got, want, slack float64) {
	t.Helper()
	if math.Abs(got-want) > slack {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

// One worker without links: a step is its micro-shards, one wave after the other, and the
// update.
func TestOneWorker(t *testing.T) {
	for _, x := range []struct{ threads, batch, waves int }{{1, 32, 1}, {1, 320, 10}, {4, 320, 3}, {2, 100, 2}} {
		c := plain(1, x.batch)
		c.Cluster.Threads = x.threads
		c.Costs.UpdateNS = 20
		r := mustRun(t, c)
		want := float64(x.waves)*10 + 2/float64(x.threads) // all processors update
		near(t, "step", r.StepMS, want, 1e-6)
		near(t, "samples/s", r.SamplesPerS, float64(x.batch)/want*1e3, 1e-3)
		near(t, "efficiency", r.Efficiency, float64(x.waves)*10/want, 0.01)
		if r.Bottleneck != "computing" || r.Busiest != 0 {
			t.Errorf("%+v", r)
		}
	}
}

// A star of k hosts behind one link of the coordinator: k copies of the weights leave it
// one after the other, the last worker computes, and its sums come behind all others.
func TestStarOnOneLink(t *testing.T) {
	for _, k := range []int{1, 2, 5, 16} {
		c := plain(k, 32*k)
		c.Cluster.Apart, c.Cluster.Mbit = true, 100
		r := mustRun(t, c)
		one := 400_000 * 8 / 100e3 * 1514 / 1448 // ms for 100,000 numbers
		near(t, "step", r.StepMS, float64(k+1)*one+10, 1)
		near(t, "weights", r.Phases.Weights, float64(k)*one, 1)
		near(t, "compute", r.Phases.Compute, 10, 1)
		near(t, "sums", r.Phases.Sums, one, 1)
		near(t, "bytes from the coordinator", r.HomeUp, float64(k)*400_000, 0.02*float64(k)*400_000+2000)
		near(t, "bytes to the coordinator", r.HomeDown, float64(k)*400_000, 0.02*float64(k)*400_000+2000)
	}
}

// A round trip is paid twice for weights that are there when the task is, and for sums.
func TestRoundTrips(t *testing.T) {
	c := plain(1, 32)
	c.Cluster.Apart = true
	before := mustRun(t, c)
	c.Cluster.RTT = 40 * time.Millisecond
	near(t, "step", mustRun(t, c).StepMS-before.StepMS, 40, 1)
}

// Halves of numbers take half the time of the wire.
func TestHalfWire(t *testing.T) {
	c := plain(4, 128)
	c.Cluster.Apart, c.Cluster.Mbit = true, 100
	full := mustRun(t, c)
	c.Layout.Bytes = 2
	half := mustRun(t, c)
	near(t, "wire", half.StepMS-10, (full.StepMS-10)/2, 1)
	near(t, "bytes", half.Busiest, full.Busiest/2, 0.01*full.Busiest)
}

// With as many owners as hosts, each link carries about four times the parameters, however
// many hosts there are; the star's busiest carries them once for each host each way.
func TestShardedBytesAreFlat(t *testing.T) {
	const bytes = 4 * 4_000_000
	for _, hosts := range []int{4, 8, 32} {
		c := plain(hosts, 32*hosts)
		c.Job.Params = 4_000_000
		c.Cluster.Mbit, c.Cluster.Each = 1000, true
		c.Cluster.Apart = true // else its neighbour would compute all, which needs no wire
		star := mustRun(t, c)
		c.Cluster.Apart, c.Layout.Reducers = false, hosts
		r := mustRun(t, c)
		others := float64(hosts-1) / float64(hosts)
		near(t, "mean link", r.MeanLink, 4*bytes*others, 0.02*4*bytes)
		near(t, "busiest", r.Busiest, 2*bytes*others, 0.05*2*bytes)
		near(t, "star", star.Busiest, float64(hosts)*bytes, 0.02*bytes*float64(hosts))
		if r.StepMS > star.StepMS {
			t.Errorf("%d hosts: %v ms, the star takes %v", hosts, r.StepMS, star.StepMS)
		}
	}
}

// Workers of a host that combine send one sum; without, one each.
func TestCombining(t *testing.T) {
	c := plain(2, 512)
	c.Cluster.Workers, c.Cluster.Mbit, c.Cluster.Apart = 8, 100, true
	apart := mustRun(t, c)
	c.Layout.Combine = true
	together := mustRun(t, c)
	near(t, "bytes", together.Busiest, apart.Busiest/8, 0.02*apart.Busiest)
}

// A block that is given once more to who has it in hand is computed and sent once; one
// whose sums are sent is computed again.
func TestABlockInHandIsNoNews(t *testing.T) {
	c := plain(1, 32)
	c.Cluster.Apart, c.Cluster.Mbit = true, 100
	for times, want := range map[time.Duration]float64{0: 1, 5 * time.Millisecond: 1, 40 * time.Millisecond: 2} {
		s := newSimulation(c)
		w := s.workers[0]
		s.round, s.marks = 1, []mark{{}}
		w.started, w.version, w.got = true, 1, s.weights()
		block := proto.Block{Hi: 1}
		s.assigned(w, task{1, block, 1})
		s.in(times, func() { s.assigned(w, task{1, block, 2}) })
		s.clock.run(func() bool { return s.now > time.Second })
		near(t, "bytes", s.net.hosts[0].down.bytes, want*float64(s.sums()), 5000)
		near(t, "computing", w.spent.Seconds()*1e3, 10*want, 1e-6)
	}
}

// Undivided parameters make owners send each other sums: no more than twice the stretches
// that are cut, on any link, and updates of a hull take longer.
func TestUndividedStretchesAreSentOnce(t *testing.T) {
	c := plain(8, 256)
	c.Job.Params = 1_600_000
	c.Cluster.Mbit, c.Cluster.Each, c.Layout.Reducers = 1000, true, 8
	before := mustRun(t, c)
	c.Job.Undivided = []kernel.Range{{Lo: 100_000, Hi: 500_000}, {Lo: 500_000, Hi: 1_600_000}}
	c.Costs.UpdateNS = 20
	r := mustRun(t, c)
	if more := r.Busiest - before.Busiest; more < 4*1_000_000 || more > 4*1_600_000 {
		t.Errorf("%v bytes more on the busiest link", more)
	}
	near(t, "update", r.Phases.Update-before.Phases.Update, 1_500_000*20e-6+4*1_300_000*8e-6*1514/1448, 5) // the owner of 400,000 to 600,000
	c.Job.Undivided[0].Lo = 600_000
	if _, err := Run(c); err == nil || !strings.Contains(err.Error(), "undivided parameters 600000 to 500000") {
		t.Error(err)
	}
}

// Local steps pay for the wire once in a while.
func TestLocalSteps(t *testing.T) {
	c := plain(4, 128)
	c.Cluster.Apart, c.Cluster.Mbit = true, 100
	one := 400_000 * 8 / 100e3 * 1514 / 1448
	c.Layout.Every, c.Layout.Replicas = 16, 4
	r := mustRun(t, c)
	near(t, "step", r.StepMS, 10+5*one/16, 0.2)
	near(t, "compute", r.Phases.Compute, 10, 0.1)
	near(t, "bytes", r.HomeUp, 4*400_000/16, 4000)
}

// Hosts that are one machine share its processors.
func TestSharedProcessors(t *testing.T) {
	c := plain(4, 4*32*8)
	c.Cluster.Shared = 2
	near(t, "step", mustRun(t, c).StepMS, 8*10*2, 3)
	c.Costs.StandIn = true // waiting takes none
	near(t, "stand-ins", mustRun(t, c).StepMS, 8*10, 1)
}

func TestForecastsAreTheSame(t *testing.T) {
	c := plain(7, 700)
	c.Cluster.Workers, c.Cluster.Threads, c.Cluster.Mbit, c.Cluster.RTT, c.Cluster.Each = 3, 2, 250, time.Millisecond, true
	c.Layout.Reducers = 3
	c.Costs = Costs{MicroShardMS: 3, SumNS: 0.2, UpdateNS: 2, EncodeNS: 0.3, DecodeNS: 0.4, ServerNS: 0.5, ServeUS: 20}
	c.Job.Samples = 50_000
	a, b := mustRun(t, c), mustRun(t, c)
	if !reflect.DeepEqual(a, b) {
		t.Errorf("%+v, then %+v", a, b)
	}
	near(t, "epoch", a.EpochS, 50_000/a.SamplesPerS, 1e-9)
	near(t, "host hours", a.HostHours, a.EpochS*7/3600, 1e-12)
	sum := a.Phases.Weights + a.Phases.Compute + a.Phases.Sums + a.Phases.Update
	near(t, "phases", sum, a.StepMS, 0.25*a.StepMS)
}

func TestTheFastestSimpleLayoutIsRecommended(t *testing.T) {
	c := plain(8, 8*32)
	c.Job.Params, c.Cluster.Mbit, c.Cluster.Workers, c.Job.Samples, c.Cluster.Apart = 4_000_000, 1000, 2, 50_000, true
	asked := Asked{Every: []int{4}}
	p, err := Choose(c, Candidates(c.Cluster, asked, func(string) bool { return true }))
	if err != nil || p.Recommended != "sharded, half wire" {
		t.Errorf("%q, %v", p.Recommended, err)
	}
	only, err := Choose(c, Candidates(c.Cluster, asked, func(key string) bool { return key == "train.wire" }))
	if err != nil || only.Recommended != "star" && only.Recommended != "star, half wire" {
		t.Errorf("%q, %v", only.Recommended, err)
	}
	var text bytes.Buffer
	p.Price(1)
	p.Print(&text)
	for line := range strings.Lines(text.String()) {
		if len(line) > 81 {
			t.Errorf("%d columns: %s", len(line)-1, line)
		}
	}
	if x := p.Candidates[0].Result; x.EpochPrice != x.HostHours || !strings.Contains(text.String(), "epoch s its price\n") {
		t.Errorf("a price of %v: %s", x.EpochPrice, text.String())
	}
	if !strings.Contains(text.String(), "Recommended: sharded, half wire") {
		t.Error(text.String())
	}
	c.Cluster.Hosts, c.Cluster.Workers, c.Cluster.Apart = 1, 1, false
	if one, err := Choose(c, Candidates(c.Cluster, Asked{}, func(string) bool { return true })); err != nil || one.Recommended != "star" {
		t.Errorf("one worker: %q, %v", one.Recommended, err)
	}
	if err := (Asked{Every: []int{1}, Reducers: -1, Replicas: -1}).Validate(); err == nil || strings.Count(err.Error(), "must be") != 3 {
		t.Error(err)
	}
}

// Runs of bench box and bench scale are read, and held against forecasts of their clusters.
func TestRunsAreCompared(t *testing.T) {
	c := plain(1, 32)
	c.Job.Params = 100_000
	in := `{"hosts":2,"coordinator_apart":true,"servers":"one","link_mbit_per_s":100,"workers":1,"threads":1,"stand_in":true,"stand_in_ms":20,
		"model":"m","params":100000,"batch":64,"microshard":32,"step_ms":120,"busiest_link_bytes":800000,"cores":2}
		{"model":"m","batch":64,"params":100000,"cores":2,"rows":[{"workers":1,"threads":2,"step_ms":10},{"workers":8,"threads":2,"step_ms":20}]}`
	list, err := Compare(strings.NewReader(in), c)
	if err != nil || len(list) != 3 {
		t.Fatal(list, err)
	}
	one := 400_000 * 8 / 100e3 * 1514 / 1448
	near(t, "box", list[0].ForecastMS, 20+3*one, 1)
	near(t, "off", list[0].Off, (20+3*one)/120-1, 0.01)
	near(t, "bytes", list[0].ForecastBytes, 800_000, 8000)
	near(t, "one worker of two threads", list[1].ForecastMS, 10, 0.5)
	near(t, "eight workers, two of which work", list[2].ForecastMS, 10, 0.5)
	var text bytes.Buffer
	PrintComparisons(&text, list)
	if !list[0].StandIn || !strings.Contains(text.String(), "2 hosts, 100 Mbit/s (stand-ins)") {
		t.Error(text.String())
	}
	layout := `{"hosts":1,"params":100000,"batch":32,"microshard":32,"workers":1,"threads":1,"layout":{"sync.every":"x"}}`
	for _, bad := range []string{"", "{}", "x", layout, `{"hosts":1,"params":100000,"batch":1}`, `{"hosts":"a"}`} {
		if _, err := Compare(strings.NewReader(bad), c); err == nil {
			t.Errorf("%q was read", bad)
		}
	}
	if _, err := Compare(strings.NewReader(`{"hosts":1,"params":7}`), c); !errors.Is(err, ErrOtherModel) {
		t.Error(err)
	}
}

// Costs are measured by real code: each is there, and none is absurd.
func TestCostsAreMeasured(t *testing.T) {
	g, err := nn.Build(nn.ModelConfig{Name: "mlp", Input: nn.Shape{C: 3, H: 8, W: 8}, Classes: 3, Widths: []int{16}})
	if err != nil {
		t.Fatal(err)
	}
	c, err := Measure(t.Context(), Measured{Graph: g, MicroShard: 32, Optimizer: optim.Default(), Time: 5 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	for name, v := range map[string]float64{"micro-shard": c.MicroShardMS, "sum": c.SumNS, "update": c.UpdateNS, "encode": c.EncodeNS,
		"decode": c.DecodeNS, "server": c.ServerNS, "serve": c.ServeUS} {
		if !(v > 0 && v < 1e6) {
			t.Errorf("%s: %v", name, v)
		}
	}
	if err := (Config{Cluster: Cluster{Hosts: 1, Workers: 1, Threads: 1}, Job: Job{Params: 1, Batch: 1, MicroShard: 1},
		Layout: Layout{Bytes: 4, Every: 1}, Costs: c}).Validate(); err != nil {
		t.Error(err)
	}
}

func TestConfigNamesAllFaults(t *testing.T) {
	c := plain(0, 0)
	c.Cluster.Threads, c.Cluster.Mbit, c.Cluster.RTT, c.Layout.Bytes, c.Layout.Every, c.Costs.SumNS = 0, -1, -1, 3, 0, math.NaN()
	_, err := Run(c)
	for _, want := range []string{"0 hosts of 1 workers", "0 threads", "-1 Mbit/s", "round trip of -1ns", "batch of 0", "3 bytes a number",
		"local steps 0", "sum_ns_per_value NaN"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("no %q in %v", want, err)
		}
	}
	c = plain(2, 64)
	c.Layout.Reducers, c.Layout.Every = 3, 2
	if _, err := Run(c); err == nil || !strings.Contains(err.Error(), "3 reducers") || !strings.Contains(err.Error(), "0 replicas") {
		t.Error(err)
	}
}

// Many workers are forecast; how long ten thousand take is in bench/results.
func TestManyWorkers(t *testing.T) {
	c := plain(100, 32*800)
	c.Cluster.Workers, c.Cluster.Mbit, c.Cluster.Each, c.Steps = 8, 10_000, true, 1
	c.Layout.Reducers = 20
	if r := mustRun(t, c); r.StepMS < 10 {
		t.Errorf("%+v", r)
	}
}
