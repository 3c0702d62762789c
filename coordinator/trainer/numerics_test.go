package trainer

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"testing"
)

// The bits of a small run that grows are those of this version. Where they are
// changed on purpose, raise Numerics and take the new ones.
func TestNumericsHaveAVersion(t *testing.T) {
	tr := newToy(t)
	lines := run(t, tr, never)
	for i, line := range lines { // as they were when version 1 began, with a field that has gone since
		lines[i] = strings.TrimSuffix(line, "}") + `,"PutOff":null}`
	}
	sum := sha256.Sum256([]byte(strings.Join(lines, "\n") + tr.Digest().String()))
	if got := hex.EncodeToString(sum[:8]); Numerics != 1 || got != "b2cc0b2367f3de27" {
		t.Errorf("version %d gives %s: if other bits are wanted, raise Numerics", Numerics, got)
	}
}
