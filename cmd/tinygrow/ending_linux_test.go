package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tinygrow/tinygrow/coordinator/checkpoint"
	"github.com/tinygrow/tinygrow/proto"
)

// long is a run that takes longer than any test waits for.
var long = []string{"tinygrow", "train", "--limit", "256", "--batch", "64", "--steps", "1000000", "--set", "train.eval_epochs=0",
	"--policy", "none", "--threads", "1"}

// short is one that ends by itself.
var short = []string{"tinygrow", "train", "--limit", "256", "--batch", "64", "--steps", "400", "--set", "train.eval_epochs=0", "--policy",
	"none", "--threads", "1"}

// launch runs a command line of this program in dir.
func launch(t *testing.T, dir string, args []string, change func(*exec.Cmd)) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := &exec.Cmd{Path: self, Args: args, Dir: dir, Env: append(os.Environ(), "TERM=xterm")}
	if change != nil {
		change(c)
	}
	// Under nohup SIGHUP is ignored, and would be by what starts here too. One that is
	// handled is not.
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	defer signal.Stop(hangup)
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	return c
}

// awaitSteps waits until a run has made some steps.
func awaitSteps(t *testing.T, run string) {
	t.Helper()
	for began := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		text, _ := os.ReadFile(filepath.Join(run, checkpoint.MetricsFile))
		if bytes.Count(text, []byte("\n")) > 10 {
			return
		}
		if time.Since(began) > time.Minute {
			t.Fatalf("no steps in %s", run)
		}
	}
}

// nothingLost checks that the last checkpoint is of the last step.
func nothingLost(t *testing.T, run string) proto.Step {
	t.Helper()
	c, err := checkpoint.Latest(run)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(run, checkpoint.MetricsFile))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	if last := lines[len(lines)-1]; c.Step == 0 || !strings.Contains(last, fmt.Sprintf(`"step":%d,`, c.Step)) {
		t.Errorf("the checkpoint is of step %d, the last line of the metrics is %s", c.Step, last)
	}
	return c.Step
}

func exit(c *exec.Cmd) int { c.Wait(); return c.ProcessState.ExitCode() }

// TestEverySignalKeepsTheSteps sends each of the signals that end a run.
func TestEverySignalKeepsTheSteps(t *testing.T) {
	for _, s := range []syscall.Signal{syscall.SIGHUP, syscall.SIGINT, syscall.SIGTERM, syscall.SIGQUIT} {
		t.Run(s.String(), func(t *testing.T) {
			dir := t.TempDir()
			run := filepath.Join(dir, "run")
			c := launch(t, dir, append(long, "--run-dir", run), nil)
			awaitSteps(t, run)
			c.Process.Signal(syscall.SIGPIPE) // ends nothing
			c.Process.Signal(s)
			if code := exit(c); code != int(exitInterrupted) {
				t.Errorf("exit code %d", code)
			}
			nothingLost(t, run)
		})
	}
}

// TestTheEndOfATerminalKeepsTheSteps closes the terminal that a run is on.
func TestTheEndOfATerminalKeepsTheSteps(t *testing.T) {
	dir := t.TempDir()
	run := filepath.Join(dir, "run")
	screen, program := pseudoTerminal(t)
	c := launch(t, dir, append(long, "--run-dir", run), func(c *exec.Cmd) {
		c.Stdin, c.Stdout, c.Stderr = program, program, program
		c.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	})
	program.Close()
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() { defer close(stopped); readUntil(screen, stop) }()
	awaitSteps(t, run)
	close(stop)
	<-stopped
	unix.Close(screen)
	if code := exit(c); code != int(exitInterrupted) {
		t.Errorf("exit code %d", code)
	}
	nothingLost(t, run)
}

// readUntil reads what appears on a terminal, as its window does.
func readUntil(screen int, stop chan struct{}) {
	buf := make([]byte, 4096)
	for {
		select {
		case <-stop:
			return
		default:
		}
		if n, _ := unix.Poll([]unix.PollFd{{Fd: int32(screen), Events: unix.POLLIN}}, 20); n > 0 {
			unix.Read(screen, buf)
		}
	}
}

// pseudoTerminal returns both ends of one.
func pseudoTerminal(t *testing.T) (screen int, program *os.File) {
	t.Helper()
	screen, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(screen, unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(screen, unix.TIOCSPTLCK, 0)
	}
	if err == nil {
		program, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	return screen, program
}

// TestAPipeWithoutAReaderEndsNoRun closes the other ends of stdout and stderr.
func TestAPipeWithoutAReaderEndsNoRun(t *testing.T) {
	dir := t.TempDir()
	run := filepath.Join(dir, "run")
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	r.Close()
	c := launch(t, dir, append(short, "--run-dir", run, "-v"), func(c *exec.Cmd) { c.Stdout, c.Stderr = w, w })
	w.Close()
	if code := exit(c); code != 0 {
		t.Errorf("exit code %d: %v", code, c.ProcessState)
	}
	if step := nothingLost(t, run); step != 400 {
		t.Errorf("ended at step %d", step)
	}
}

// TestAStalledPipeHoldsNoRun lets a run write into a pipe that is full.
func TestAStalledPipeHoldsNoRun(t *testing.T) {
	dir := t.TempDir()
	run := filepath.Join(dir, "run")
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	fd := int(w.Fd())
	if err := unix.SetNonblock(fd, true); err != nil {
		t.Fatal(err)
	}
	for err == nil {
		_, err = unix.Write(fd, make([]byte, 4096))
	}
	if err := unix.SetNonblock(fd, false); err != nil {
		t.Fatal(err)
	}
	c := launch(t, dir, append(short, "--run-dir", run, "-v"), func(c *exec.Cmd) { c.Stderr = w })
	w.Close()
	if code := exit(c); code != 0 {
		t.Errorf("exit code %d: %v", code, c.ProcessState)
	}
	if step := nothingLost(t, run); step != 400 {
		t.Errorf("ended at step %d", step)
	}
}
