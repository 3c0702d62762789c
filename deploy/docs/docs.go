// Package docs holds the documentation pages, Markdown that reads on GitHub as it
// lies, and serves them as HTML. Links between pages and to pictures are the same in
// both. Raw HTML in a page and links with other schemes than http, https and mailto are left
// out, and no page loads anything from elsewhere.
package docs

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"path"
	"regexp"
	"strings"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/parser"
)

// Files are the pages and their pictures.
//
//go:embed *.md *.svg
var Files embed.FS

//go:embed page.css
var style []byte

// First is the page that the others are reached from.
const First = "index.md"

// Pages names all pages, in the order of the table of contents on the first one.
func Pages() []string {
	text, err := Files.ReadFile(First)
	if err != nil {
		panic(err) // it is embedded
	}
	names := []string{First}
	for _, m := range regexp.MustCompile(`\]\(([a-z-]+\.md)\)`).FindAllSubmatch(text, -1) {
		names = append(names, string(m[1]))
	}
	return names
}

// markdown is what pages are written in: GitHub's, without raw HTML.
var markdown = goldmark.New(
	// Cells are aligned by an attribute: the policy of the pages forbids styles in tags.
	goldmark.WithExtensions(extension.Linkify, extension.Strikethrough,
		extension.NewTable(extension.WithTableCellAlignMethod(extension.TableCellAlignAttribute))),
	goldmark.WithParserOptions(parser.WithAutoHeadingID()))

var frame = template.Must(template.New("page").Parse(`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{.Title}} - tinygrow</title>
<link rel="stylesheet" href="page.css">
</head>
<body>
<nav>{{range .Pages}}<a href="{{.Name}}"{{if .Here}} aria-current="page"{{end}}>{{.Title}}</a> {{end}}<a href="/">runs</a></nav>
<main>
{{.Body}}
</main>
</body>
</html>
`))

// entry is a page in the navigation.
type entry struct {
	Name, Title string
	Here        bool
}

// Title returns what a page is called: its first heading.
func Title(name string) (string, error) {
	text, err := Files.ReadFile(name)
	if err != nil {
		return "", err
	}
	line, _, _ := strings.Cut(string(text), "\n")
	return strings.TrimPrefix(line, "# "), nil
}

// Render returns a page as HTML.
func Render(name string) ([]byte, error) {
	text, err := Files.ReadFile(name)
	if err != nil {
		return nil, err
	}
	body, err := convert(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	page := struct {
		Title string
		Pages []entry
		Body  template.HTML
	}{Body: body}
	for _, other := range Pages() {
		title, err := Title(other)
		if err != nil {
			return nil, err
		}
		if other == name {
			page.Title = title
		}
		page.Pages = append(page.Pages, entry{other, title, other == name})
	}
	var out bytes.Buffer
	err = frame.Execute(&out, page)
	return out.Bytes(), err
}

// convert returns the HTML of Markdown, without what a browser would run.
func convert(text []byte) (template.HTML, error) {
	var out bytes.Buffer
	err := markdown.Convert(text, &out)
	return template.HTML(out.String()), err
}

// Handler serves the pages below the path that it is mounted at: NAME.md is HTML.
func Handler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := path.Base(r.URL.Path)
		if strings.HasSuffix(r.URL.Path, "/") {
			name = First
		}
		kind, content, err := "text/html; charset=utf-8", []byte(nil), error(nil)
		switch path.Ext(name) {
		case ".md":
			content, err = Render(name)
		case ".svg":
			kind = "image/svg+xml"
			w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; sandbox") // it styles its own shapes
			content, err = Files.ReadFile(name)
		case ".css":
			kind, content = "text/css; charset=utf-8", style
		default:
			err = fs.ErrNotExist
		}
		if errors.Is(err, fs.ErrNotExist) {
			http.NotFound(w, r)
			return
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", kind)
		_, _ = w.Write(content)
	})
}
