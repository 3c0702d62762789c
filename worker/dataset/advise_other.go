//go:build !linux

package dataset

import "os"

// advise and adviseRandom tell the system how a file is read, where it can be told.
func advise(*os.File, int64, int64) {}

func adviseRandom(*os.File) {}
