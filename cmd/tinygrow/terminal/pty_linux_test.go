package terminal

import (
	"fmt"
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// openPTY returns both ends of a pseudo terminal: the program's and the screen's.
func openPTY(t *testing.T) (program, screen *os.File) {
	t.Helper()
	screen, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { screen.Close() })
	fd := int(screen.Fd())
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	program, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { program.Close() })
	return program, screen
}

func resize(t *testing.T, screen *os.File, columns uint16) {
	t.Helper()
	if err := unix.IoctlSetWinsize(int(screen.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: columns}); err != nil {
		t.Fatal(err)
	}
}

func TestWidthOfAPseudoTerminal(t *testing.T) {
	program, screen := openPTY(t)
	width := columns(program)
	for _, w := range []uint16{20, 40, 60, 80, 200, 80} {
		resize(t, screen, w)
		if got := width(); got != int(w) {
			t.Errorf("%d columns after it was resized to %d", got, w)
		}
	}
	resize(t, screen, 0)
	if (&Screen{out: program, width: width, moves: true}).Redraws() {
		t.Error("a terminal of unknown width is drawn over")
	}
}

func TestTerminalsThatMoveNoCursor(t *testing.T) {
	for want, envs := range map[bool][]map[string]string{true: {{"TERM": "xterm"}, {"TERM": "linux", "NO_COLOR": ""}},
		false: {{"TERM": "dumb"}, {}, {"TERM": "xterm", "NO_COLOR": "1"}}} {
		for _, env := range envs {
			if got := movable(func(name string) string { return env[name] }); got != want {
				t.Errorf("%v: %v, want %v", env, got, want)
			}
		}
	}
}
