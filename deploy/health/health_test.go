package health

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestReportAndCheck(t *testing.T) {
	file := filepath.Join(t.TempDir(), "health")
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	r := NewReporter("worker", file)
	r.now = func() time.Time { return now }
	if _, err := Check(file, now, time.Minute); !errors.Is(err, ErrSilent) {
		t.Errorf("before the first report: %v", err)
	}
	if err := r.Alive("waiting for a coordinator"); err != nil {
		t.Fatal(err)
	}
	s, err := Check(file, now.Add(59*time.Second), time.Minute)
	if err != nil || s.Role != "worker" || s.State != "waiting for a coordinator" || s.PID != os.Getpid() {
		t.Errorf("%+v, %v", s, err)
	}
	if _, err := Check(file, now.Add(61*time.Second), time.Minute); !errors.Is(err, ErrSilent) || !strings.Contains(err.Error(), "waiting for a coordinator") {
		t.Errorf("a minute later: %v", err)
	}
	now = now.Add(100 * time.Millisecond)
	if err := r.Alive("too soon"); err != nil {
		t.Fatal(err)
	}
	if s, _ := Check(file, now, time.Minute); s.State == "too soon" {
		t.Error("wrote twice within a second")
	}
	now = now.Add(2 * time.Second)
	if err := r.Alive("working"); err != nil {
		t.Fatal(err)
	}
	if s, err := Check(file, now, time.Minute); err != nil || s.State != "working" {
		t.Errorf("%+v, %v", s, err)
	}
	if left, err := filepath.Glob(file + ".*"); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestDamagedFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "health")
	if err := os.WriteFile(file, []byte(`{"role": 3`), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Check(file, time.Now(), time.Minute); !errors.Is(err, ErrSilent) {
		t.Errorf("got %v", err)
	}
}

func TestReportThatCannotBeWritten(t *testing.T) {
	if err := NewReporter("worker", filepath.Join(t.TempDir(), "none", "health")).Alive("x"); err == nil {
		t.Error("no error")
	}
}

func TestSystemd(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(10 * time.Second))
	t.Setenv("NOTIFY_SOCKET", socket)
	r := NewReporter("coordinator", "")
	now := time.Now()
	r.now = func() time.Time { return now }
	for i, want := range []string{"READY=1\nWATCHDOG=1\nSTATUS=step 0", "WATCHDOG=1\nSTATUS=step 1"} {
		if err := r.Alive("step " + string(rune('0'+i))); err != nil {
			t.Fatal(err)
		}
		got := make([]byte, 200)
		n, err := conn.Read(got)
		if err != nil || string(got[:n]) != want {
			t.Errorf("got %q, %v, want %q", got[:n], err, want)
		}
		now = now.Add(time.Minute)
	}
}
