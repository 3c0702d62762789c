// Command packed measures training on a packed set that is larger than memory, and what
// reading samples from a file costs beside reading them from memory. It draws a set of so many GB into -dir,
// trains on it in a process that may have no more than -limit of memory, its part of the
// system's cache of files included where control groups can be made, and
// looks at what that takes. Then it trains, in turns, on a set that the cache holds, from memory and packed, compares the bits
// of both, and divides their speeds. What it made it removes. Prints a JSON object; fails where bits differ.
//
//	go run ./deploy/bench/packed -tinygrow ./tinygrow -dir /tmp > deploy/bench/results/packed.json
package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tinygrow/tinygrow/deploy/bench/stat"
	"github.com/tinygrow/tinygrow/tensor/nn"
	"github.com/tinygrow/tinygrow/tensor/rng"
	"github.com/tinygrow/tinygrow/worker/dataset"
)

// result is what is printed.
type result struct {
	Date     string  `json:"date"`
	Large    large   `json:"large"`
	Pairs    []pair  `json:"pairs"`
	SameBits bool    `json:"same_bits"`
	CPU      float64 `json:"cpu_ratio"`  // median over pairs: processor time in memory over that from the file
	Wall     float64 `json:"wall_ratio"` // median over pairs: samples/s from the file over those in memory
}

// large is a run on the set that is larger than memory.
type large struct {
	FileGB       float64 `json:"file_gb"`
	Samples      int     `json:"samples"`
	PackS        float64 `json:"pack_s"`
	LimitMB      int     `json:"limit_mb"`
	LimitedBy    string  `json:"limited_by"`
	ResidentMB   float64 `json:"resident_mb"` // peak, of the process that trains
	GroupMB      float64 `json:"group_mb"`    // peak, its part of the cache of files included; 0: not known
	Steps        int     `json:"steps"`
	SamplesPerS  float64 `json:"samples_per_s"`
	CPUPerSample float64 `json:"cpu_us_a_sample"`
}

// pair are two runs of one set.
type pair struct {
	Memory ended `json:"memory"`
	Packed ended `json:"packed"`
}

// ended is what a run says at its end.
type ended struct {
	Model       string  `json:"model_sha256"`
	Optimizer   string  `json:"optimizer_sha256"`
	SamplesPerS float64 `json:"samples_per_s"`
	CPUS        float64 `json:"cpu_s"`
}

func main() { stat.Main("packed", run) }

// bench is what was asked for.
type bench struct {
	tinygrow, dir string
	limit         int
	steps         int
}

func run(ctx context.Context, args []string) error {
	f, b := flag.NewFlagSet("packed", flag.ContinueOnError), bench{}
	f.StringVar(&b.tinygrow, "tinygrow", "./tinygrow", "the binary")
	under := f.String("dir", os.TempDir(), "where there is room for the large set")
	gb := f.Float64("gb", 20, "size of the large set, 10^9 bytes")
	f.IntVar(&b.limit, "limit", 2048, "MiB of memory for the process that trains on it")
	f.IntVar(&b.steps, "steps", 200, "steps of each run")
	pairs := f.Int("pairs", 5, "runs in turns, 1 to 100")
	if err := f.Parse(args); err != nil {
		return err
	}
	if *pairs < 1 || *pairs > 100 || b.steps < 1 || b.limit < 64 || !(*gb > 0 && *gb < 1000) {
		return errors.New("at least one pair, one step and 64 MiB, and less than 1000 GB")
	}
	var err error
	if b.dir, err = os.MkdirTemp(*under, "packed-"); err != nil {
		return err
	}
	defer os.RemoveAll(b.dir)
	r := result{Date: time.Now().Format(time.DateOnly)}
	if r.Large, err = b.large(ctx, *gb); err != nil {
		return err
	}
	if r.Pairs, err = b.pairs(ctx, *pairs); err != nil {
		return err
	}
	r.conclude()
	if err := stat.Print(r); err != nil {
		return err
	}
	if !r.SameBits {
		return errors.New("the runs of a pair ended in other weights")
	}
	return nil
}

// conclude computes the medians.
func (r *result) conclude() {
	var cpu, wall []float64
	r.SameBits = true
	for _, p := range r.Pairs {
		cpu, wall = append(cpu, p.Memory.CPUS/p.Packed.CPUS), append(wall, p.Packed.SamplesPerS/p.Memory.SamplesPerS)
		r.SameBits = r.SameBits && p.Memory.Model == p.Packed.Model && p.Memory.Optimizer == p.Packed.Optimizer
	}
	median := func(v []float64) float64 {
		slices.Sort(v)
		return float64(math.Round(1000*v[len(v)/2]) / 1000)
	}
	r.CPU, r.Wall = median(cpu), median(wall)
}

// drawn are pictures of ten classes, of noise round a colour and a stripe that tell the class.
type drawn struct{ train, test int }

func (d drawn) Info() dataset.Info {
	return dataset.Info{Name: "cifar10", Shape: nn.Shape{C: 3, H: 32, W: 32}, Classes: classes(), Mirror: true,
		Train: d.train, Test: d.test}
}

func classes() []string {
	var names []string
	for i := range 10 {
		names = append(names, strconv.Itoa(i))
	}
	return names
}

func (d drawn) Sample(split string, i int, dst []byte) (int, error) {
	class := i % 10
	r := rng.New(rng.Key(split), uint64(i))
	x := r.Uint64(0)
	for at := 0; at < len(dst); at += 8 {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
		binary.LittleEndian.PutUint64(dst[at:], x>>2&0x3f3f3f3f3f3f3f3f+0x0808080808080808*uint64(class))
	}
	row := int(r.Uintn(1, 4)) + 3*class
	for c := range 3 {
		for x := range 32 {
			dst[c*1024+row*32+x] = 250
		}
	}
	return class, nil
}

// large trains on a set of so many GB within the limit.
func (b bench) large(ctx context.Context, gb float64) (large, error) {
	const record = 3*32*32 + 6
	set := drawn{train: int(gb * 1e9 / record), test: 2000}
	path := filepath.Join(b.dir, "large"+dataset.PackedEnding)
	l := large{Samples: set.train + set.test, LimitMB: b.limit, Steps: b.steps}
	begun, told := time.Now(), time.Now()
	_, err := dataset.PackSource(ctx, set, path, func(p dataset.Packing) {
		if time.Since(told) > 10*time.Second {
			told = time.Now()
			left := time.Duration(float64(time.Since(begun)) * float64(p.All-p.Done) / float64(p.Done))
			fmt.Fprintf(os.Stderr, "packed %d of %d samples, ETA %s\n", p.Done, p.All, left.Round(time.Second))
		}
	})
	if err != nil {
		return l, err
	}
	defer os.Remove(path)
	l.PackS = math.Round(time.Since(begun).Seconds())
	info, err := os.Stat(path)
	if err != nil {
		return l, err
	}
	// The process that trains finds nothing of the file in the system's cache.
	if err := exec.CommandContext(ctx, "dd", "if="+path, "iflag=nocache", "count=0").Run(); err != nil {
		return l, err
	}
	l.FileGB = float64(math.Round(float64(info.Size())/1e7) / 100)
	g := newGroup(b.limit)
	defer g.remove()
	l.LimitedBy = g.how
	e, resident, err := b.train(ctx, g.prefix, "--data", "packed", "--data-dir", path)
	if err != nil {
		return l, err
	}
	l.ResidentMB, l.GroupMB = resident, g.peak()
	l.SamplesPerS = math.Round(e.SamplesPerS)
	l.CPUPerSample = math.Round(e.CPUS * 1e6 / float64(128*b.steps))
	return l, nil
}

// pairs trains in turns on a set of 10,000 samples, as files of CIFAR-10 and packed.
func (b bench) pairs(ctx context.Context, n int) ([]pair, error) {
	const each = 2000
	set := drawn{train: 5 * each, test: each}
	for i := range 6 {
		split, first, name := dataset.Train, i*each, fmt.Sprintf("data_batch_%d.bin", i+1)
		if i == 5 {
			split, first, name = dataset.Test, 0, "test_batch.bin"
		}
		data := make([]byte, each*3073)
		for j := range each {
			class, _ := set.Sample(split, first+j, data[j*3073+1:(j+1)*3073])
			data[j*3073] = byte(class)
		}
		if err := os.WriteFile(filepath.Join(b.dir, name), data, 0o644); err != nil {
			return nil, err
		}
	}
	path := filepath.Join(b.dir, "small"+dataset.PackedEnding)
	if _, err := dataset.PackSource(ctx, set, path, nil); err != nil {
		return nil, err
	}
	var list []pair
	for i := range n {
		var p pair
		var err error
		runs := []func(){
			func() { p.Memory, _, err = b.train(ctx, nil, "--data", "cifar10", "--data-dir", b.dir) },
			func() { p.Packed, _, err = b.train(ctx, nil, "--data", "packed", "--data-dir", path) },
		}
		if i%2 == 1 {
			slices.Reverse(runs)
		}
		for _, run := range runs {
			if run(); err != nil {
				return nil, err
			}
		}
		list = append(list, p)
		fmt.Fprintf(os.Stderr, "pair %d: %.2f s of processor time in memory, %.2f from the file\n", i+1, p.Memory.CPUS, p.Packed.CPUS)
	}
	return list, nil
}

// train trains the network vgg of the compute table for some steps and returns the peak of its
// resident memory in MB.
func (b bench) train(ctx context.Context, prefix []string, args ...string) (e ended, resident float64, err error) {
	dir := filepath.Join(b.dir, "run")
	defer os.RemoveAll(dir)
	line := slices.Concat(prefix, []string{b.tinygrow, "train",
		"--model", "vgg", "--set", "model.widths=[12,24,64,128]", "--policy", "none",
		"--batch", "128", "--steps", strconv.Itoa(b.steps), "--threads", "2", "--set", "report=false", "--set", "train.eval_epochs=0",
		"--run-dir", dir, "--json", "--ui", "off"}, args)
	c := exec.CommandContext(ctx, line[0], line[1:]...)
	var out, told bytes.Buffer
	c.Stdout, c.Stderr = &out, &told
	if err := c.Start(); err != nil {
		return e, 0, err
	}
	done := make(chan error, 1)
	go func() { done <- c.Wait() }()
	for tick := time.NewTicker(20 * time.Millisecond); ; {
		select {
		case err := <-done:
			tick.Stop()
			if err != nil {
				return e, 0, fmt.Errorf("%w: %s", err, told.Bytes())
			}
			return e, float64(math.Round(resident*10) / 10), json.Unmarshal(out.Bytes(), &e)
		case <-tick.C:
			resident = max(resident, peakOf(c.Process.Pid))
		}
	}
}

// peakOf returns the peak of a process's resident memory in MB, as the system knows it.
func peakOf(pid int) float64 {
	status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid)) // it may have ended
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	fields := strings.Fields(rest)
	if len(fields) == 0 {
		return 0
	}
	kb, _ := strconv.ParseFloat(fields[0], 64)
	return float64(kb / 1024)
}

// group bounds the memory of a process: by a control group, which counts its part of the cache of files
// too, or by the size of its address space where none can be made.
type group struct {
	how, dir string
	prefix   []string
	used     string // file with the peak
}

func newGroup(mb int) group {
	name := fmt.Sprintf("tinygrow-packed-%d", os.Getpid())
	for _, kind := range []struct{ root, limit, used, how string }{
		{"/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.max_usage_in_bytes", "control group (v1)"},
		{"/sys/fs/cgroup", "memory.max", "memory.peak", "control group (v2)"},
	} {
		g := group{how: kind.how, dir: filepath.Join(kind.root, name)}
		g.used = filepath.Join(g.dir, kind.used)
		if os.Mkdir(g.dir, 0o755) != nil {
			continue
		}
		if os.WriteFile(filepath.Join(g.dir, kind.limit), []byte(strconv.Itoa(mb<<20)), 0o644) != nil {
			g.remove()
			continue
		}
		g.prefix = []string{"sh", "-c", `echo $$ > "$0" && exec "$@"`, filepath.Join(g.dir, "cgroup.procs")}
		return g
	}
	return group{how: "ulimit -v", prefix: []string{"sh", "-c", `ulimit -v "$0" && exec "$@"`, strconv.Itoa(mb << 10)}}
}

func (g *group) peak() float64 {
	text, _ := os.ReadFile(g.used) // none: not known
	n, _ := strconv.ParseFloat(strings.TrimSpace(string(text)), 64)
	return math.Round(n / (1 << 20))
}

func (g *group) remove() {
	if g.dir != "" {
		os.Remove(g.dir)
	}
}
