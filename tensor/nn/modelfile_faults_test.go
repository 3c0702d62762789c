package nn

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Mistakes that people make, each with all that is told of it. A case is a title, a text,
// a line of dashes, and the message; UPDATE=1 writes the messages anew.
func TestMistakesInFiles(t *testing.T) {
	path := filepath.Join("testdata", "mistakes.txt")
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	cases := strings.Split(strings.TrimPrefix(string(data), "# "), "\n# ")
	var renewed []string
	for _, c := range cases {
		title, rest, _ := strings.Cut(c, "\n")
		text, want, ok := strings.Cut(rest, "\n-----\n")
		if !ok {
			t.Fatalf("%s has no message", title)
		}
		want = strings.TrimSpace(want)
		_, err := build(text+"\n", nil)
		got := "no error"
		if err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%s: got\n%s\nwant\n%s", title, got, want)
		}
		renewed = append(renewed, "# "+title+"\n"+text+"\n-----\n"+got+"\n")
	}
	if len(cases) < 30 {
		t.Errorf("%d kinds of mistakes", len(cases))
	}
	if os.Getenv("UPDATE") != "" {
		if err := os.WriteFile(path, []byte(strings.Join(renewed, "\n")), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
