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
	if _, err := Check(file, now, time.Minute, time.Hour); !errors.Is(err, ErrSilent) {
		t.Errorf("before the first report: %v", err)
	}
	if err := r.Alive("waiting for a coordinator"); err != nil {
		t.Fatal(err)
	}
	s, err := Check(file, now.Add(59*time.Second), time.Minute, time.Hour)
	if err != nil || s.Role != "worker" || s.State != "waiting for a coordinator" || s.PID != os.Getpid() {
		t.Errorf("%+v, %v", s, err)
	}
	if _, err := Check(file, now.Add(61*time.Second), time.Minute, time.Hour); !errors.Is(err, ErrSilent) ||
		!strings.Contains(err.Error(), "waiting for a coordinator") {
		t.Errorf("a minute later: %v", err)
	}
	now = now.Add(100 * time.Millisecond)
	if err := r.Alive("too soon"); err != nil {
		t.Fatal(err)
	}
	if s, _ := Check(file, now, time.Minute, time.Hour); s.State == "too soon" {
		t.Error("wrote twice within a second")
	}
	now = now.Add(2 * time.Second)
	if err := r.Alive("working"); err != nil {
		t.Fatal(err)
	}
	if s, err := Check(file, now, time.Minute, time.Hour); err != nil || s.State != "working" {
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
	if _, err := Check(file, time.Now(), time.Minute, time.Hour); !errors.Is(err, ErrSilent) {
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

// TestProgressIsNotLife lets a process live and get nowhere.
func TestProgressIsNotLife(t *testing.T) {
	file := filepath.Join(t.TempDir(), "health")
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	r := NewReporter("worker", file)
	r.now = func() time.Time { return now }
	r.Progress()
	for range 60 {
		now = now.Add(10 * time.Second)
		if err := r.Alive("working for run a"); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := Check(file, now, time.Minute, 10*time.Minute); err != nil {
		t.Errorf("after 10 minutes: %v", err)
	}
	now = now.Add(10 * time.Second)
	if err := r.Alive("working for run a"); err != nil {
		t.Fatal(err)
	}
	s, err := Check(file, now, time.Minute, 10*time.Minute)
	if !errors.Is(err, ErrStalled) || !strings.Contains(err.Error(), "for 10m10s, which is: working for run a") {
		t.Errorf("later: %v", err)
	}
	if s.At != now || now.Sub(s.Progress) != 10*time.Minute+10*time.Second {
		t.Errorf("got %+v", s)
	}
	r.Progress()
	now = now.Add(2 * time.Second)
	if err := r.Alive("working for run a"); err != nil {
		t.Fatal(err)
	}
	if _, err := Check(file, now, time.Minute, 10*time.Minute); err != nil {
		t.Errorf("after progress: %v", err)
	}
}

// TestSystemdHearsNothingOfAStall reports to a socket that only progress reaches.
func TestSystemdHearsNothingOfAStall(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	t.Setenv("NOTIFY_SOCKET", socket)
	r := NewReporter("worker", "")
	now := time.Now().Add(Stall + time.Minute)
	r.now = func() time.Time { return now }
	if err := r.Alive("deaf"); err != nil {
		t.Fatal(err)
	}
	now = now.Add(time.Minute)
	r.Progress()
	if err := r.Alive("working"); err != nil {
		t.Fatal(err)
	}
	conn.SetReadDeadline(time.Now().Add(10 * time.Second))
	got := make([]byte, 200)
	if n, err := conn.Read(got); err != nil || !strings.HasSuffix(string(got[:n]), "STATUS=working") {
		t.Errorf("got %q, %v", got[:n], err)
	}
}

// TestQuitTellsOnlyTheSameProgram names processes that are another's.
func TestQuitTellsOnlyTheSameProgram(t *testing.T) {
	for _, pid := range []int{0, -1, 1, 1 << 30} {
		if err := Quit(Status{Role: "worker", PID: pid}); err == nil {
			t.Errorf("process %d was told to quit", pid)
		}
	}
}
