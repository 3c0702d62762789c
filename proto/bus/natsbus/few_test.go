package natsbus

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// However often a connection complains, its log grows by so many lines a minute,
// each a single one whatever a server wrote into it.
func TestALogOfComplaintsIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		log := fewOf(slog.New(slog.NewTextHandler(&out, nil))).With("connection", "control")
		for range 10_000 {
			log.Warn("NATS", "error", "denied\x1b[2J\nFORGED")
		}
		if n := strings.Count(out.String(), "\n"); n != fewLines || strings.ContainsRune(out.String(), 0x1b) {
			t.Errorf("%d lines: %.200q", n, out.String())
		}
		time.Sleep(fewPeriod)
		log.Warn("NATS")
		if text := out.String(); !strings.HasSuffix(text, "left_out_before=9970\n") {
			t.Errorf("%.300q", text[len(text)-100:])
		}
	})
}
