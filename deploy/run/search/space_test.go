package search

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

func mustSpace(t testing.TB, of map[string]string) Space {
	t.Helper()
	s, err := ParseSpace(of)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Values lie in their bounds, both ends included, and have the chances that their kind says.
func TestValuesOfEachKind(t *testing.T) {
	s := mustSpace(t, map[string]string{"a": "int(-2, 5)", "b": "float(1, 2)", "c": "logfloat(0.001, 10)", "d": "choice(x, [1, 2], {a: 1, b: 2})"})
	for i, want := range []string{"-2", "1", "0.001", "x"} {
		if got := s[i].Value(0); got != want {
			t.Errorf("%s at 0: %s, want %s", s[i].Key, got, want)
		}
	}
	for i, want := range []string{"5", "2", "10", "{a: 1, b: 2}"} {
		if got := s[i].Value(1 - 0x1p-53); got != want {
			t.Errorf("%s below 1: %s, want %s", s[i].Key, got, want)
		}
	}
	if got := s[2].Value(0.5); got != "0.1" {
		t.Errorf("the middle of logfloat(0.001, 10) is %s, want 0.1, their geometric mean", got)
	}
	counts := map[string]int{}
	const n = 8000
	for i := range n {
		counts[s[0].Value(s.draw(uint64(i))[0])]++
	}
	for value, count := range counts {
		if count < n/8-150 || count > n/8+150 { // five standard deviations are 148
			t.Errorf("%s is drawn %d times in %d", value, count, n)
		}
	}
	if len(counts) != 8 {
		t.Errorf("%d values, want 8", len(counts))
	}
}

// Four digits never leave the bounds.
func TestRoundedValuesStayWithin(t *testing.T) {
	v := Variable{Kind: Float, Min: 0.123456, Max: 0.123461}
	for _, u := range []float64{0, 0.3, 0.999} {
		if got := v.Value(u); got != "0.123456" && got != "0.123461" {
			t.Errorf("%s is rounded out of the bounds", got)
		}
	}
}

func TestElementsOfListsAreJoined(t *testing.T) {
	of := map[string]string{"optim.lr": "float(1, 2)", "model.widths[0]": "int(3, 4)"}
	for i := 1; i < 12; i++ {
		of["model.widths["+string("0123456789ab"[i])+"]"] = "int(1, 2)"
	}
	delete(of, "model.widths[a]")
	delete(of, "model.widths[b]")
	of["model.widths[10]"], of["model.units"] = "int(7, 8)", "choice({a: 1}, {a: 2})"
	s := mustSpace(t, of)
	p := make(Point, len(s))
	want := []string{"model.units={a: 1}", "model.widths=[3, 1, 1, 1, 1, 1, 1, 1, 1, 1, 7]", "optim.lr=1"}
	if got := s.Assignments(p); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestFaultsOfASpace(t *testing.T) {
	for text, says := range map[string]string{
		"lr":                    "write int(4, 64)",
		"int(4, 64":             "write int(4, 64)",
		"uniform(1, 2)":         "no kind",
		"int(4)":                "give the least and the largest",
		"int(4, x)":             "must be a number",
		"int(4, 4)":             "must be below",
		"float(2, 1)":           "must be below",
		"float(0, NaN)":         "must be a number",
		"float(0, 0x10)":        "must be a number",
		"logfloat(0, 1)":        "must be above 0",
		"int(1.5, 3)":           "whole numbers",
		"int(-1e99, 3)":         "whole numbers",
		"choice(a)":             "give 2 to",
		"choice(a,)":            "is empty",
		"choice([1, 2], [3, 4)": "brackets",
		"choice(1], [2)":        "brackets",
	} {
		_, err := ParseSpace(map[string]string{"optim.lr": text})
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v, want %q", text, err, says)
		}
	}
	_, err := ParseSpace(map[string]string{"a[0]": "int(1, 2)", "a[2]": "int(1, 2)"})
	if err == nil || !strings.Contains(err.Error(), "a[1] is missing") {
		t.Error(err)
	}
	if _, err := ParseSpace(nil); err == nil {
		t.Error("an empty space is searched")
	}
}

// Seeds survive JSON, whose numbers have 53 bits.
func TestSeedsInJSON(t *testing.T) {
	seeds := []Seed{0, 1<<64 - 1, 0x123456789abcdef}
	text, err := json.Marshal(seeds)
	if err != nil || string(text) != `["0","ffffffffffffffff","123456789abcdef"]` {
		t.Fatalf("%s, %v", text, err)
	}
	var back []Seed
	if err := json.Unmarshal(text, &back); err != nil || !slices.Equal(back, seeds) {
		t.Errorf("%v, %v", back, err)
	}
}
