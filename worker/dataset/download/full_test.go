//go:build unix

package download

import (
	"errors"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// A file may have 64 KiB, as on a disk that is full then: what came is kept, the error says so, and it goes on
// where there is room. (Tests of this package do not run side by side.)
func TestFullDisk(t *testing.T) {
	data, dir := contents(200_000), t.TempDir()
	s := serve(t, right(data, `"1"`))
	var was syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &was); err != nil {
		t.Fatal(err)
	}
	signal.Ignore(syscall.SIGXFSZ)
	defer signal.Reset(syscall.SIGXFSZ)
	less := was
	less.Cur = 64 << 10
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &less); err != nil {
		t.Fatal(err)
	}
	_, _, err := get(t, dir, data, s.URL, s.URL)
	if failed := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &was); failed != nil {
		t.Fatal(failed)
	}
	if !errors.Is(err, ErrDisk) || !errors.Is(err, syscall.EFBIG) || !strings.Contains(err.Error(), "of which 65536 are there") ||
		len(s.asked) != 1 {
		t.Errorf("%d requests: %v", len(s.asked), err)
	}
	if info, err := os.Stat(filepath.Join(dir, "x.gz.part")); err != nil || info.Size() != 64<<10 {
		t.Errorf("%v", err)
	}
	if out, _, err := get(t, dir, data, s.URL); err != nil || out.Bytes != 200_000-64<<10 {
		t.Errorf("%+v %v", out, err)
	}
	holds(t, dir, data)
}
