package docs

import (
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/tinygrow/tinygrow/proto"
)

// Every page in the folder is in the table of contents, and reads with a title.
func TestEveryPageIsListed(t *testing.T) {
	names, err := fs.Glob(Files, "*.md")
	if err != nil {
		t.Fatal(err)
	}
	listed := Pages()
	if slices.Sort(listed); !slices.Equal(listed, names) {
		t.Errorf("pages %v, listed %v", names, listed)
	}
	for _, name := range names {
		if title, err := Title(name); err != nil || title == "" || strings.Contains(title, "#") {
			t.Errorf("%s: title %q, %v", name, title, err)
		}
	}
}

var links = regexp.MustCompile(`(?:href|src)="([^"]*)"`)

// Links lead to pages, pictures and headings that are there, as they lie on GitHub and as
// they are served; nothing is loaded from elsewhere and nothing can run.
func TestLinksLeadSomewhere(t *testing.T) {
	for _, name := range Pages() {
		html, err := Render(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range links.FindAllStringSubmatch(string(html), -1) {
			to, heading, _ := strings.Cut(m[1], "#")
			switch {
			case to == "/" || to == "page.css":
				continue
			case to == "":
				to = name
			}
			other, err := fs.Stat(Files, to)
			if err != nil {
				t.Errorf("%s leads to %s: %v", name, m[1], err)
				continue
			}
			if heading == "" || other.IsDir() {
				continue
			}
			page, err := Render(to)
			if err != nil || !strings.Contains(string(page), `id="`+heading+`"`) {
				t.Errorf("%s leads to %s, which has no such heading", name, m[1])
			}
		}
		for _, bad := range []string{"<script", "style=", "javascript:", " onload", "http://", "https://"} {
			body := regexp.MustCompile(`(?s)<code.*?</code>`).ReplaceAllString(string(html), "")
			if strings.Contains(body, bad) {
				t.Errorf("%s has %q", name, bad)
			}
		}
	}
}

// What a browser would run is left out of what is converted.
func TestMarkupIsLeftOut(t *testing.T) {
	for _, hostile := range []string{"<script>alert(1)</script>", "a <img src=x onerror=alert(1)> b", "[a](javascript:alert(1))", "![a](data:text/html,x)",
		"<svg/onload=alert(1)>",
		"[a](vbscript:x)", "<a href='javascript:x'>a</a>"} {
		html, err := convert([]byte(hostile))
		if err != nil {
			t.Fatal(err)
		}
		if regexp.MustCompile(`<script|<img[^>]*onerror|<[^>&]*onload=|javascript:|vbscript:|data:text`).MatchString(string(html)) {
			t.Errorf("%s becomes %s", hostile, html)
		}
	}
}

func TestHandler(t *testing.T) {
	server := httptest.NewServer(Handler())
	defer server.Close()
	get := func(path string) (status int, kind, text string) {
		r, err := http.Get(server.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Body.Close()
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Fatal(err)
		}
		return r.StatusCode, r.Header.Get("Content-Type"), string(body)
	}
	for path, want := range map[string][2]string{
		"/docs/": {"text/html", "<h1 id=\"tinygrow\">"}, "/docs/growing.md": {"text/html", `<img src="growing.svg"`},
		"/docs/settings.md": {"text/html", "<td><code>optim.lr</code></td>"},
		"/docs/growing.svg": {"image/svg+xml", "<svg"},
		"/docs/page.css":    {"text/css", "main"}} {
		status, kind, body := get(path)
		if status != http.StatusOK || !strings.HasPrefix(kind, want[0]) || !strings.Contains(body, want[1]) {
			t.Errorf("%s: %d %s, without %q", path, status, kind, want[1])
		}
	}
	for _, path := range []string{"/docs/nothing.md", "/docs/docs.go", "/docs/..%2fdocs.go", "/docs/x.svg", "/docs/x"} {
		if status, _, _ := get(path); status != http.StatusNotFound {
			t.Errorf("%s: %d", path, status)
		}
	}
}

// Pictures are small enough for a repository and are pictures.
func TestPicturesAreSmall(t *testing.T) {
	names, err := fs.Glob(Files, "*.svg")
	if err != nil || len(names) == 0 {
		t.Fatal(names, err)
	}
	for _, name := range names {
		if info, err := os.Stat(name); err != nil || info.Size() > 100<<10 {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
}

// The page of files tells the version that messages have.
func TestVersionOfTheWire(t *testing.T) {
	text, err := fs.ReadFile(Files, "files.md")
	if want := fmt.Sprintf("this program speaks version %d.", proto.Version); err != nil || !strings.Contains(string(text), want) {
		t.Errorf("files.md lacks %q: %v", want, err)
	}
}
