package health

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// FuzzCheck reads what may stand in the file of a process that is looked at.
func FuzzCheck(f *testing.F) {
	f.Add([]byte(`{"role":"worker","state":"working","pid":1,"at":"2026-01-02T03:04:05Z"}`))
	f.Add([]byte(`{"role":"\u001b[2J","state":"\n","pid":-1,"at":"9999-01-02T03:04:05Z"}`))
	f.Add([]byte("[[[["))
	f.Fuzz(func(t *testing.T, text []byte) {
		file := filepath.Join(t.TempDir(), "life")
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := Check(file, time.Unix(1_800_000_000, 0), time.Minute, time.Minute)
		if err == nil && s.At.Before(time.Unix(1_800_000_000, 0).Add(-time.Minute)) {
			t.Errorf("%+v counts as alive", s)
		}
	})
}
