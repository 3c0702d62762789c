package quota

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

const (
	mountsTwo = `24 1 0:22 / /proc rw - proc proc rw
30 24 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate
`
	mountsOne = `33 32 0:28 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct
34 32 0:29 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory
`
	// As a container without a namespace of control groups sees it: its own
	// group is at the top of the mount.
	mountsInside = `33 32 0:28 /docker/abc /sys/fs/cgroup/cpu,cpuacct ro - cgroup cgroup rw,cpu,cpuacct
34 32 0:29 /docker/abc /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory
`
)

func TestQuotas(t *testing.T) {
	const cpu1, mem1 = "sys/fs/cgroup/cpu,cpuacct/", "sys/fs/cgroup/memory/"
	for _, c := range []struct {
		name, cgroup, mounts string
		files                map[string]string
		present, cpus        int
		memory               int64
	}{
		{"nothing", "", "", nil, 4, 4, 0},
		{"version 2, none", "0::/user.slice\n", mountsTwo, map[string]string{"sys/fs/cgroup/user.slice/cpu.max": "max 100000",
			"sys/fs/cgroup/user.slice/memory.max": "max"}, 4, 4, 0},
		{"version 2, one", "0::/\n", mountsTwo, map[string]string{"sys/fs/cgroup/cpu.max": "100000 100000\n",
			"sys/fs/cgroup/memory.max": "1073741824\n"}, 2, 1, 1 << 30},
		{"version 2, half", "0::/\n", mountsTwo, map[string]string{"sys/fs/cgroup/cpu.max": "50000 100000"}, 2, 1, 0},
		{"version 2, one and a half", "0::/\n", mountsTwo, map[string]string{"sys/fs/cgroup/cpu.max": "150000 100000"}, 8, 2, 0},
		{"version 2, more than there are", "0::/\n", mountsTwo, map[string]string{"sys/fs/cgroup/cpu.max": "900000 100000"}, 2, 2, 0},
		{"version 2, the parent's is less", "0::/a/b\n", mountsTwo, map[string]string{"sys/fs/cgroup/a/b/cpu.max": "400000 100000",
			"sys/fs/cgroup/a/cpu.max": "200000 100000"}, 8, 2, 0},
		{"version 1, none", "4:cpu,cpuacct:/\n9:memory:/\n", mountsOne, map[string]string{cpu1 + "cpu.cfs_quota_us": "-1",
			cpu1 + "cpu.cfs_period_us": "100000", mem1 + "memory.limit_in_bytes": "9223372036854771712"}, 2, 2, 0},
		{"version 1, one", "4:cpu,cpuacct:/docker/abc\n9:memory:/docker/abc\n", mountsOne, map[string]string{
			cpu1 + "docker/abc/cpu.cfs_quota_us": "100000", cpu1 + "docker/abc/cpu.cfs_period_us": "100000",
			mem1 + "docker/abc/memory.limit_in_bytes": "536870912"}, 2, 1, 1 << 29},
		{"version 1, inside a container", "4:cpu,cpuacct:/docker/abc\n9:memory:/docker/abc\n0::/\n", mountsInside, map[string]string{
			cpu1 + "cpu.cfs_quota_us": "250000", cpu1 + "cpu.cfs_period_us": "100000", mem1 + "memory.limit_in_bytes": "536870912"}, 4,
			3, 1 << 29},
		{"nonsense", "x\n4:cpu\n0::/\n", mountsTwo, map[string]string{"sys/fs/cgroup/cpu.max": "NaN 1e9999"}, 2, 2, 0},
	} {
		root := t.TempDir()
		c.files = with(c.files, "proc/self/cgroup", c.cgroup, "proc/self/mountinfo", c.mounts)
		for name, text := range c.files {
			path := filepath.Join(root, name)
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		s := system{root}
		if got := s.cpus(c.present); got != c.cpus {
			t.Errorf("%s: %d threads, want %d", c.name, got, c.cpus)
		}
		if got := s.memory(); got != c.memory {
			t.Errorf("%s: %d bytes, want %d", c.name, got, c.memory)
		}
	}
}

func with(files map[string]string, pairs ...string) map[string]string {
	all := map[string]string{}
	for name, text := range files {
		all[name] = text
	}
	for i := 0; i < len(pairs); i += 2 {
		all[pairs[i]] = pairs[i+1]
	}
	return all
}

func TestThisProcess(t *testing.T) {
	if n := CPUs(); n < 1 || n > runtime.NumCPU() {
		t.Errorf("%d threads on %d processors", n, runtime.NumCPU())
	}
	if Memory() < 0 || Host() == "" {
		t.Errorf("memory %d, host %q", Memory(), Host())
	}
}

func TestFreeMemory(t *testing.T) {
	const mem = "sys/fs/cgroup/"
	for name, c := range map[string]struct {
		files map[string]string
		want  int64
	}{
		"nobody tells": {nil, 0},
		"of the host":  {map[string]string{"proc/meminfo": "MemTotal: 100 kB\nMemAvailable:   64 kB\n"}, 64 << 10},
		"of the group": {map[string]string{"proc/meminfo": "MemAvailable: 64 kB\n", mem + "memory.max": "40000",
			mem + "memory.current": "30000"}, 10000},
		"of the group without files": {map[string]string{mem + "memory.max": "40000", mem + "memory.current": "30000",
			mem + "memory.stat": "file 9\ninactive_file 5000\n"}, 15000},
		"no limit of the group": {map[string]string{"proc/meminfo": "MemAvailable: 64 kB\n", mem + "memory.max": "max",
			mem + "memory.current": "30000"}, 64 << 10},
		"used up": {map[string]string{mem + "memory.max": "40000", mem + "memory.current": "40000"}, 1},
	} {
		root := t.TempDir()
		for file, text := range with(c.files, "proc/self/cgroup", "0::/\n", "proc/self/mountinfo", mountsTwo) {
			path := filepath.Join(root, file)
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if got := (system{root}).free(); got != c.want {
			t.Errorf("%s: %d bytes, want %d", name, got, c.want)
		}
	}
}

func TestTotal(t *testing.T) {
	root := t.TempDir()
	if got := (system{root}).total(); got != 0 {
		t.Errorf("%d without the kernel's word", got)
	}
	if err := os.Mkdir(filepath.Join(root, "proc"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, "proc", "meminfo"), []byte("MemTotal:       24684084 kB\nMemFree:  1 kB\n"),
		0o644); err != nil {
		t.Fatal(err)
	}
	if got := (system{root}).total(); got != 24684084<<10 {
		t.Errorf("%d", got)
	}
}

// tree writes files below a new root.
func tree(t *testing.T, files map[string]string) string {
	root := t.TempDir()
	for name, text := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

// Processes share where they are bound to the same processors, and limited by the same group if at all.
func TestShare(t *testing.T) {
	free := system{tree(t, map[string]string{"/proc/self/status": "Name:\tx\nCpus_allowed_list:\t0-3\n"})}
	if got := free.share(4); got != "processors 0-3" {
		t.Errorf("without limits: %q", got)
	}
	if got := (system{t.TempDir()}).share(4); got != "4 processors" {
		t.Errorf("where nothing is told: %q", got)
	}
	limited := map[string]string{
		"/proc/self/cgroup":          "0::/job\n",
		"/proc/self/mountinfo":       "30 20 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n",
		"/sys/fs/cgroup/job/cpu.max": "200000 100000\n",
	}
	a, b := system{tree(t, limited)}, system{tree(t, limited)}
	if again := a.share(4); again != a.share(4) || again == b.share(4) || a.share(4) == (system{t.TempDir()}).share(4) {
		t.Errorf("limited by groups of their own: %q, %q", a.share(4), b.share(4))
	}
}
