package dataset

import (
	"os"

	"golang.org/x/sys/unix"
)

// advise tells the system that n bytes of a file are read in a moment. What it makes of
// that changes no result, so that its errors are of no account.
func advise(f *os.File, at, n int64) { _ = unix.Fadvise(int(f.Fd()), at, n, unix.FADV_WILLNEED) }

// adviseRandom tells the system to read no more of a file than is asked for.
func adviseRandom(f *os.File) { _ = unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_RANDOM) }
