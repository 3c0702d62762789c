//go:build unix

package quota

import (
	"fmt"
	"io/fs"
	"syscall"
)

// inode names a file by its device and number.
func inode(info fs.FileInfo) string {
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		return fmt.Sprintf("%d:%d", s.Dev, s.Ino)
	}
	return "unknown"
}
