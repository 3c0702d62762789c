package quota

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// Share names what the processor time and the memory of this process are taken from: two
// processes of one host and of one Share may use what either of them may, so that it does not matter
// which of them does. It tells processors that the process is bound to, and, where a
// control group limits it, that group.
func Share() string { return system{"/"}.share(runtime.NumCPU()) }

func (s system) share(present int) string {
	bound := fmt.Sprintf("%d processors", present)
	for _, line := range lines(s.read("/proc/self", "status")) {
		if list, ok := strings.CutPrefix(line, "Cpus_allowed_list:"); ok {
			bound = "processors " + strings.TrimSpace(list)
		}
	}
	for _, g := range []struct {
		controller string
		limited    bool
	}{{"cpu", s.cpuQuota() > 0}, {"memory", s.memory() > 0}} {
		if !g.limited {
			continue
		}
		group := "unknown"
		if dirs := s.groups(g.controller); len(dirs) > 0 {
			// Containers call their own groups by one name, so what the kernel knows the group by counts.
			group = s.identity(dirs[0])
		}
		bound += fmt.Sprintf(", %s of group %s", g.controller, group)
	}
	return bound
}

// identity returns what the kernel knows a directory by, else that nothing is known.
func (s system) identity(dir string) string {
	info, err := os.Stat(filepath.Join(s.root, dir))
	if err != nil {
		return "unknown"
	}
	return inode(info)
}
