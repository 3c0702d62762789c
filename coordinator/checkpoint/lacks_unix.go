//go:build !windows

package checkpoint

import "syscall"

// Errors by which file systems say that they do not have something at all.
// Others are failures: of the disk, of room or of rights.
var (
	noSync    = []error{syscall.EINVAL, syscall.ENOSYS, syscall.ENOTSUP, syscall.EOPNOTSUPP}
	noSyncDir = append([]error{syscall.EBADF, syscall.EISDIR, syscall.EACCES, syscall.EPERM}, noSync...)
	noReplace = []error{syscall.EEXIST, syscall.ENOTEMPTY, syscall.EXDEV, syscall.ENOSYS, syscall.ENOTSUP, syscall.EOPNOTSUPP}
	noLocks   = []error{syscall.ENOSYS, syscall.ENOLCK, syscall.ENOTSUP, syscall.EOPNOTSUPP, syscall.EINVAL}
)
