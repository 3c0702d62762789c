package doctor

import (
	"bufio"
	"os"
	"runtime"
	"strconv"
	"strings"

	"github.com/tinygrow/tinygrow/tensor/kernel"
	"github.com/tinygrow/tinygrow/tensor/nn"
)

// Machine is what a process may use of its host.
type Machine struct {
	CPU         string  `json:"cpu"` // name that the processor gives itself
	Kernels     string  `json:"kernels"`
	Fingerprint string  `json:"fingerprint"` // digest of the arithmetic; all machines of a run must agree
	Processors  int     `json:"processors"`
	Quota       float64 `json:"quota"` // processors that a limit leaves; 0: there is none
	Threads     int     `json:"threads"`
	MemoryLimit int64   `json:"memory_limit"` // bytes; 0: there is none
	MemoryFree  int64   `json:"memory_free"`
}

// ThisMachine describes the machine. What quotas allow is the caller's to know.
func ThisMachine(threads int, quota float64, memoryLimit int64) Machine {
	return Machine{CPU: procFile("/proc/cpuinfo").field("model name"), Kernels: kernel.Active().String(), Fingerprint: nn.Fingerprint(),
		Processors: runtime.NumCPU(), Quota: quota, Threads: threads, MemoryLimit: memoryLimit, MemoryFree: memoryFree()}
}

// CheckMachine reports on processors and memory.
func (r *Report) CheckMachine(m Machine) {
	r.Machine = &m
	name := m.CPU
	if name == "" {
		name = runtime.GOARCH
	}
	if m.Kernels == "generic" {
		r.add("cpu", Advice, "expect a tenth of the speed or less; use a processor with AVX2 and FMA, or AVX-512, if you can",
			"%s: only the portable kernels run here", name)
	} else {
		r.add("cpu", OK, "", "%s, %s kernels, arithmetic %.12s", name, m.Kernels, m.Fingerprint)
	}
	switch {
	case m.Quota > 0 && m.Quota < 0.95:
		r.add("threads", Advice, "give the process a whole processor (docker --cpus 1, CPUQuota=100%, resources.limits.cpu: 1): "+
			"below that it is stopped in every period",
			"%.2g of a processor by quota", m.Quota)
	case m.Quota > 0 && m.Quota < float64(m.Processors):
		r.add("threads", OK, "", "%d, by a quota of %.3g of %d processors", m.Threads, m.Quota, m.Processors)
	default:
		r.add("threads", OK, "", "%d, as many as processors", m.Threads)
	}
	free, limit := m.MemoryFree, "no limit"
	if m.MemoryLimit > 0 {
		limit = "limit " + size(float64(m.MemoryLimit))
		free = min(free, m.MemoryLimit)
	}
	if free > 0 && free < 256<<20 {
		r.add("memory", Advice,
			"raise the limit or free some memory: a worker of a small network takes about 100 MB, one of a ResNet-18 up to 1 GB",
			"%s free, %s", size(float64(m.MemoryFree)), limit)
	} else {
		r.add("memory", OK, "", "%s free, %s", size(float64(m.MemoryFree)), limit)
	}
}

// Data is what is known of the data set.
type Data struct {
	Name    string  `json:"name"`
	Digest  string  `json:"digest"`
	Train   int     `json:"train"`
	Test    int     `json:"test"`
	Seconds float64 `json:"seconds"`         // time to read it
	Notes   string  `json:"notes,omitempty"` // what counts for nothing, what is odd
	Err     error   `json:"-"`
}

// CheckData reports on a data set. want, if not empty, is the beginning of the
// digest that it should have.
func (r *Report) CheckData(d Data, want string) {
	r.Data = &d
	switch {
	case d.Err != nil:
		r.add("data", Fault, "see tinygrow data --help", "%s: %v", d.Name, d.Err)
	case !strings.HasPrefix(d.Digest, want):
		r.add("data", Fault, "give this machine the same files, --data and --limit as the coordinator's",
			"%s has digest %.16s, not %.16s", d.Name, d.Digest, want)
	case d.Notes != "":
		r.add("data", Advice, "see tinygrow data verify", "%s, digest %.16s: %s", d.Name, d.Digest, d.Notes)
	default:
		r.add("data", OK, "", "%s, %d + %d samples, read in %.1f s, digest %.16s", d.Name, d.Train, d.Test, d.Seconds, d.Digest)
	}
}

// CheckKey reports on the file of a seed.
func (r *Report) CheckKey(file string) {
	if file == "" {
		return
	}
	info, err := os.Stat(file)
	switch {
	case err != nil:
		r.add("key", Fault, "name the seed.nk that tinygrow auth init wrote for this role", "%v", err)
	case info.Mode().Perm()&0o077 != 0:
		r.add("key", Advice, remedy("chmod 600 "+file), "%s can be read by others (mode %o)", file, info.Mode().Perm())
	default:
		r.add("key", OK, "", "%s, mode %o", file, info.Mode().Perm())
	}
}

// memoryFree returns the bytes that can be had, or 0 if the kernel does not tell.
func memoryFree() int64 {
	kilobytes, _, _ := strings.Cut(procFile("/proc/meminfo").field("MemAvailable"), " ")
	n, err := strconv.ParseInt(kilobytes, 10, 64)
	if err != nil {
		return 0
	}
	return n << 10
}

// procFile is the path of a file of lines "name : value".
type procFile string

// field returns the value of the first line of a name, or "".
func (p procFile) field(name string) string {
	f, err := os.Open(string(p))
	if err != nil {
		return ""
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		if key, value, ok := strings.Cut(s.Text(), ":"); ok && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return ""
}
