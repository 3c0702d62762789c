package ui

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"regexp"
	"strings"

	"github.com/tinygrow/tinygrow/coordinator/view"
)

// Included is one run in a report.
type Included struct {
	Run        *view.Run
	Assessment *view.Assessment // nil: its network was not looked at in detail
}

// Report says what goes into a report.
type Report struct {
	Title string
	Made  string // one line: when it was made, and with what
	Runs  []Included
	// Environment is what the report was made with; it is shown for a single run.
	Environment []view.Setting
}

// maxDetails is how many events, the newest, a report holds in all detail.
const maxDetails = 200

// embedded is a run as its page reads it from a report.
type embedded struct {
	Update     view.Update      `json:"update"`
	Details    []view.Detail    `json:"details"`
	Filters    *view.Filters    `json:"filters"`
	Assessment *view.Assessment `json:"assessment"`
}

// page is the whole file. Its policy allows what stands in it and nothing from elsewhere.
var page = template.Must(template.New("report").Parse(`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{{.Policy}}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{{.Title}}</title>
{{.Style}}
</head>
<body>
<a class="skip" href="#main">Skip to the contents</a>
<header id="top"></header>
<main id="main" tabindex="-1"><noscript>{{.Title}}. This page draws its figures with JavaScript, which is switched off.</noscript></main>
{{.Data}}
{{.Script}}
</body>
</html>
`))

// scripts finds the scripts of the page in their order.
var scripts = regexp.MustCompile(`<script defer src="([a-z]+\.js)">`)

// Write writes the report: one HTML file that needs no other and no network.
func (r Report) Write(w io.Writer) error {
	data := struct {
		Title       string         `json:"title"`
		Made        string         `json:"made"`
		Runs        []embedded     `json:"runs"`
		Environment []view.Setting `json:"environment,omitempty"`
	}{r.Title, r.Made, []embedded{}, r.Environment}
	for _, one := range r.Runs {
		e, err := include(one, len(r.Runs) == 1)
		if err != nil {
			return err
		}
		data.Runs = append(data.Runs, e)
	}
	text, err := json.Marshal(data) // it writes < and > as \u003c and \u003e, so that no text of it ends the element
	if err != nil {
		return err
	}
	style, script, err := inline()
	if err != nil {
		return err
	}
	return page.Execute(w, map[string]any{
		"Title": r.Title,
		"Policy": fmt.Sprintf("default-src 'none'; script-src 'sha256-%s'; style-src 'sha256-%s'; "+
			"img-src data:; base-uri 'none'; form-action 'none'",
			digest(script), digest(style)),
		"Style":  template.HTML("<style>" + style + "</style>"),
		"Data":   template.HTML(`<script id="data" type="application/json">` + string(text) + "</script>"),
		"Script": template.HTML("<script>" + script + "</script>"),
	})
}

// include returns what the page of a run reads; the details with it if all is set.
func include(one Included, all bool) (embedded, error) {
	e := embedded{Details: []view.Detail{}}
	e.Update, _ = one.Run.Since(view.Mark{})
	if !all {
		return e, nil
	}
	e.Assessment = one.Assessment
	events := one.Run.Events()
	for _, event := range events[max(0, len(events)-maxDetails):] {
		d, err := one.Run.Detail(event.Number)
		if err != nil {
			return e, err
		}
		e.Details = append(e.Details, d)
	}
	if one.Run.Network() != nil {
		f, err := one.Run.Filters()
		if err != nil {
			return e, err
		}
		e.Filters = f
	}
	return e, nil
}

// inline returns the style and the scripts of the page as one text each.
func inline() (style, script string, err error) {
	index, err := assets.ReadFile("web/index.html")
	if err != nil {
		return "", "", err
	}
	css, err := assets.ReadFile("web/page.css")
	if err != nil {
		return "", "", err
	}
	var all strings.Builder
	for _, name := range scripts.FindAllSubmatch(index, -1) {
		code, err := assets.ReadFile("web/" + string(name[1]))
		if err != nil {
			return "", "", err
		}
		if bytes.Contains(code, []byte("</")) {
			return "", "", fmt.Errorf("%s would end the element that it stands in", name[1])
		}
		all.Write(code)
		all.WriteByte('\n')
	}
	return string(css), all.String(), nil
}

// digest is a hash as a policy names it.
func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return base64.StdEncoding.EncodeToString(sum[:])
}
