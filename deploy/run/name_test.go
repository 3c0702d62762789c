package run

import (
	"strings"
	"testing"
	"time"

	"github.com/tinygrow/tinygrow/proto"
)

// Directories of different names have different ids, each of which can stand in
// a subject; one that is an id itself keeps its name.
func TestIDsOfDirectories(t *testing.T) {
	long := strings.Repeat("cifar10-resnet18-", 4)
	seen := map[string]string{}
	for _, dir := range []string{
		"a", "a-b_c", "A", "a.b", "a b", "a-b", "a:b", "läufe", "laufe", "lüufe", "実験一", "実験二", "...x", "-a", "--a", "-", "a*", "a>",
		"a\nb", "a\x1bb",
		long + "seed1", long + "seed2", strings.Repeat("a", 64), strings.Repeat("a", 65), strings.Repeat("a", 66), "x/実験一", "y/実験一",
		"x/" + long, "y/" + long,
	} {
		id := idOf(dir)
		if err := proto.RunID(id).Validate(); err != nil || strings.HasPrefix(id, "-") {
			t.Errorf("%q: id %q: %v", dir, id, err)
		}
		if other, ok := seen[id]; ok {
			t.Errorf("%q and %q have the id %q", dir, other, id)
		}
		seen[id] = dir
		if again := idOf("./" + dir + "/"); again != id {
			t.Errorf("%q has the ids %q and %q", dir, id, again)
		}
	}
	for dir, want := range map[string]string{"a": "a", "/runs/default": "default", "x/y/seed-1_b": "seed-1_b", "/": "run-8a5edab28263",
		"/x/My run.1": "My-run-1-29791ade07cd"} {
		if got := idOf(dir); got != want {
			t.Errorf("%q: id %q, want %q", dir, got, want)
		}
	}
}

// Runs that begin in the same second have different names.
func TestIDsOfUnnamedRuns(t *testing.T) {
	s, now := Defaults(), time.Now()
	a, b := freshID(&s, now), freshID(&s, now)
	if a == b || proto.RunID(a).Validate() != nil || !strings.Contains(a, now.Format("20060102-150405")) {
		t.Errorf("%q and %q", a, b)
	}
}
