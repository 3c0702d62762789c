package trainer

import (
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"strings"
	"testing"
)

// The bits of a small run that grows are those of this version. Where they are
// changed on purpose, raise Numerics and take the new ones.
func TestNumericsHaveAVersion(t *testing.T) {
	tr := newToy(t)
	lines := run(t, tr, never)
	told := regexp.MustCompile(`,"(grad_norm|grad_cosine|noise_scale)":[^,}]*`) // decide nothing
	sum := sha256.Sum256([]byte(told.ReplaceAllString(strings.Join(lines, "\n"), "") + tr.Digest().String()))
	if got := hex.EncodeToString(sum[:8]); Numerics != 3 || got != "f4a4e3d7c513892e" {
		t.Errorf("version %d gives %s: if other bits are wanted, raise Numerics", Numerics, got)
	}
}
