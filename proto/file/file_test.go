package file

import (
	"bufio"
	"errors"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// Only regular files are read, links followed, and none beyond its limit.
func TestOnlyRegularFilesOfBoundedSizeAreRead(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	const most = 1 << 20
	for name, size := range map[string]int64{"empty": 0, "full": most, "larger": most + 1, "twice": 2 * most, "sparse": 1 << 40} {
		if err := errors.Join(os.WriteFile(at(name), nil, 0o644), os.Truncate(at(name), size)); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(syscall.Mkfifo(at("pipe"), 0o644), os.Symlink("/dev/zero", at("zero")), os.Symlink("full", at("link")),
		os.Symlink("twice", at("big")), os.Symlink("loop", at("loop"))); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("unix", at("socket"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for name, want := range map[string]error{"empty": nil, "full": nil, "link": nil, "larger": ErrTooLarge, "twice": ErrTooLarge,
		"sparse": ErrTooLarge, "big": ErrTooLarge,
		"pipe": ErrIrregular, "zero": ErrIrregular, ".": ErrIrregular, "missing": fs.ErrNotExist} {
		data, err := Read(at(name), most)
		if !errors.Is(err, want) || want != nil && len(data) > most+1 {
			t.Errorf("%s: %d bytes, %v, want %v", name, len(data), err, want)
		}
		if err != nil && !strings.Contains(err.Error(), filepath.Clean(at(name))) {
			t.Errorf("%s: %v does not name it", name, err)
		}
	}
	for _, name := range []string{"socket", "loop"} {
		if _, err := Read(at(name), most); err == nil {
			t.Errorf("%s is read", name)
		}
	}
	if _, err := Read("/dev/zero", most); !errors.Is(err, ErrIrregular) || !strings.Contains(err.Error(), "a device") {
		t.Errorf("a device: %v", err)
	}
}

// A line without an end takes no more memory than a line may.
func TestLinesAreBounded(t *testing.T) {
	in := bufio.NewReaderSize(strings.NewReader(strings.Repeat("x", 99)+"\n"+strings.Repeat("y", 100)+"\nrest"), 16)
	if line, err := Line(in, 100); err != nil || len(line) != 100 {
		t.Errorf("%q, %v", line, err)
	}
	if line, err := Line(in, 100); !errors.Is(err, ErrTooLarge) {
		t.Errorf("%q, %v", line, err)
	}
	if _, err := Line(bufio.NewReader(strings.NewReader("rest")), 100); !errors.Is(err, io.EOF) {
		t.Error(err)
	}
}
