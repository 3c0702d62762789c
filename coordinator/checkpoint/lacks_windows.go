package checkpoint

import "golang.org/x/sys/windows"

// Errors by which file systems say that they do not have something at all.
// Others are failures: of the disk, of room or of rights. Windows denies access
// to who wants to sync a directory, or to rename something over one.
var (
	noSync    = []error{windows.ERROR_INVALID_FUNCTION, windows.ERROR_NOT_SUPPORTED}
	noSyncDir = append([]error{windows.ERROR_ACCESS_DENIED, windows.ERROR_INVALID_HANDLE}, noSync...)
	noReplace = append([]error{windows.ERROR_ACCESS_DENIED, windows.ERROR_ALREADY_EXISTS, windows.ERROR_NOT_SAME_DEVICE}, noSync...)
	noLocks   = noSync
)
