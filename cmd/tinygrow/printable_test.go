package main

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"github.com/tinygrow/tinygrow/coordinator"
	"github.com/tinygrow/tinygrow/deploy/doctor"
	"github.com/tinygrow/tinygrow/proto"
)

// rude is what a host could call itself.
const rude = "host\x1b[2J\x1b]0;owned\x07\r\nFORGED LINE\n\u202egnp.exe\xff"

// Whatever others call themselves, each thing that is told is one line without
// control characters, in every place where something is told.
func TestWhatOthersWroteCannotSteerTheTerminal(t *testing.T) {
	r := coordinator.Result{Run: "r", Widths: map[string]int{rude: 3},
		Quarantined: []coordinator.Quarantined{{Worker: proto.WorkerID(rude), Host: rude, Why: rude}}}
	for name, c := range map[string]struct {
		lines int
		tell  func(out *bytes.Buffer)
	}{
		"refused": {1, func(out *bytes.Buffer) {
			newConsole(out).Events().Refused(coordinator.Member{Worker: "w", Host: rude, Program: rude}, rude)
		}},
		"left":    {1, func(out *bytes.Buffer) { newConsole(out).Events().Left("w", rude) }},
		"trouble": {1, func(out *bytes.Buffer) { newConsole(out).Events().Trouble(rude) }},
		"alarm":   {1, func(out *bytes.Buffer) { newConsole(out).Events().Alarm(rude) }},
		"log":     {1, func(out *bytes.Buffer) { slog.New(slog.NewTextHandler(out, nil)).Info(rude, "host", rude) }},
		"report":  {strings.Count(reported(&coordinator.Result{Run: "r"}), "\n") + 1, func(out *bytes.Buffer) { report(out, &r) }},
		"doctor": {2, func(out *bytes.Buffer) {
			(&doctor.Report{Findings: []doctor.Finding{{Check: "nats", Text: rude, Do: rude}}}).Write(out)
		}},
		"table": {1, func(out *bytes.Buffer) {
			w := newTable(out)
			w.row("name", "%s", strings.ReplaceAll(rude, "\n", ""))
			w.Flush()
		}},
	} {
		var out bytes.Buffer
		c.tell(&out)
		text := out.String()
		if strings.ContainsFunc(strings.ReplaceAll(text, "\n", ""), func(r rune) bool {
			return r < ' ' || r == 0x7f || r == 0x202e ||
				r == 0xfffd
		}) {
			t.Errorf("%s: %q", name, text)
		}
		if n := strings.Count(text, "\n"); n > c.lines+2 || strings.Contains(text, "\nFORGED") {
			t.Errorf("%s: %d lines: %q", name, n, text)
		}
	}
}

func reported(r *coordinator.Result) string {
	var out bytes.Buffer
	report(&out, r)
	return out.String()
}
