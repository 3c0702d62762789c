//go:build !unix

package quota

import "io/fs"

// inode names nothing: other systems have no control groups.
func inode(fs.FileInfo) string { return "unknown" }
