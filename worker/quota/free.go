package quota

import "strings"

// Free returns how many bytes of memory the process can still take before the
// host or its control groups run short, or 0 if nobody tells.
func Free() int64 { return system{"/"}.free() }

func (s system) free() int64 {
	least := float64(1024 * table(s.read("/proc", "meminfo")).number("MemAvailable:")) // it is in KiB
	for _, dir := range s.groups("memory") {
		for _, names := range [][2]string{{"memory.max", "memory.current"}, {"memory.limit_in_bytes", "memory.usage_in_bytes"}} {
			limit := number(s.read(dir, names[0]))
			if limit <= 0 || limit >= 1<<60 {
				continue
			}
			// Files that were read and are no longer in use are given up when memory is wanted.
			stat := table(s.read(dir, "memory.stat"))
			cached := max(stat.number("inactive_file"), stat.number("total_inactive_file"))
			if left := max(limit-number(s.read(dir, names[1]))+float64(cached), 1); least == 0 || left < least {
				least = left
			}
		}
	}
	return int64(least)
}

// A table has a name and a number on each line.
type table string

// number returns the number behind a name, or 0.
func (t table) number(name string) int64 {
	for _, line := range lines(string(t)) {
		if f := strings.Fields(line); len(f) >= 2 && f[0] == name {
			return int64(number(f[1]))
		}
	}
	return 0
}
