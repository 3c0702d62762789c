package top

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/tinygrow/tinygrow/coordinator/ui"
	"github.com/tinygrow/tinygrow/coordinator/view"
)

// ErrAddress is returned for an address at which there are no pages of a run.
var ErrAddress = errors.New("no pages of a run")

// Page is what is shown of a run.
type Page struct {
	Info        view.Info         `json:"info"`
	Network     *view.Network     `json:"network"`
	Series      Course            `json:"series"`
	Evaluations []view.Evaluation `json:"evaluations"`
	Events      []view.Event      `json:"events"`
	Live        *ui.Status        `json:"live"`  // nil where only the directory is known
	Fault       string            `json:"fault"` // why its files cannot be read at the moment
}

// Course is the course of training, thinned.
type Course struct {
	Step     []float64 `json:"step"`
	Epoch    []float64 `json:"epoch"`
	Loss     []float64 `json:"loss"`
	Accuracy []float64 `json:"accuracy"`
	Params   []float64 `json:"params"`
	Wall     []float64 `json:"wall"`
	Speed    []float64 `json:"speed"`
	FLOPs    []float64 `json:"flops"`
}

// Source reads a run.
type Source interface {
	// Read returns the run as it stands.
	Read(ctx context.Context) (Page, error)
}

// Open returns the source of a run in a directory, or at the address of pages, as
// http://127.0.0.1:7070/?token=... with #/run/NAME behind it where there are several runs.
func Open(ctx context.Context, where string) (Source, error) {
	if !strings.HasPrefix(where, "http://") && !strings.HasPrefix(where, "https://") {
		run, err := view.Open(where)
		return &directory{run}, err
	}
	u, err := url.Parse(where)
	if err != nil || u.Host == "" {
		return nil, fmt.Errorf("%w: %.200q is no address: give the one that train or ui printed", ErrAddress, where)
	}
	s := &site{base: u.Scheme + "://" + u.Host, token: u.Query().Get("token")}
	name, found := strings.CutPrefix(u.Fragment, "/run/")
	if name, _, _ = strings.Cut(name, "?"); found && name != "" {
		s.name = name
		return s, nil
	}
	return s, s.choose(ctx)
}

// directory is a run that is read from its files.
type directory struct{ run *view.Run }

// Read implements Source.
func (d *directory) Read(context.Context) (Page, error) {
	_, err := d.run.Refresh()
	p := Page{Info: d.run.Info(), Network: d.run.Network(), Evaluations: d.run.Evaluations(), Events: d.run.Events()}
	for _, at := range d.run.Series().Points {
		c := &p.Series
		c.Step, c.Epoch = append(c.Step, float64(at.Step)), append(c.Epoch, at.Epoch)
		c.Loss, c.Accuracy = append(c.Loss, at.Loss), append(c.Accuracy, at.Accuracy)
		c.Params, c.FLOPs = append(c.Params, float64(at.Params)), append(c.FLOPs, at.FLOPs)
		c.Wall, c.Speed = append(c.Wall, at.Wall), append(c.Speed, at.Speed)
	}
	if err != nil {
		p.Fault = err.Error()
	}
	return p, nil
}

// site is a run that is read from pages.
type site struct {
	base, name string
	token      string
}

// Bounds of what a site may answer.
const (
	maxAnswer = 64 << 20
	patience  = 10 * time.Second
)

// get reads a JSON answer.
func (s *site) get(ctx context.Context, path string, into any) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.base+path, nil)
	if err != nil {
		return fmt.Errorf("%w: %s", ErrAddress, s.base)
	}
	if s.token != "" {
		r.Header.Set("Authorization", "Bearer "+s.token)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return fmt.Errorf("%w: %s does not answer: is the run over, or tinygrow ui ended? %w", ErrAddress, s.base, err)
	}
	defer answer.Body.Close()
	body := io.LimitReader(answer.Body, maxAnswer)
	if answer.StatusCode != http.StatusOK {
		var fault struct {
			Error string `json:"error"`
		}
		_ = json.NewDecoder(io.LimitReader(body, 4<<10)).Decode(&fault)
		return fmt.Errorf("%w: %s answered %s: %s", ErrAddress, s.base, answer.Status, fault.Error)
	}
	if err := json.NewDecoder(body).Decode(into); err != nil {
		return fmt.Errorf("%w: %s answered something else than a run: %w", ErrAddress, s.base, err)
	}
	return nil
}

// choose takes the one run that the site has.
func (s *site) choose(ctx context.Context) error {
	var all struct {
		Only string         `json:"only"`
		Runs []view.Summary `json:"runs"`
	}
	if err := s.get(ctx, "/api/runs", &all); err != nil {
		return err
	}
	switch {
	case all.Only != "":
		s.name = all.Only
	case len(all.Runs) == 1:
		s.name = all.Runs[0].Name
	case len(all.Runs) == 0:
		return fmt.Errorf("%w: %s has no run yet", ErrAddress, s.base)
	default:
		return fmt.Errorf("%w: %s has %d runs: name one, as %s/#/run/%s", ErrAddress, s.base, len(all.Runs), s.base,
			url.PathEscape(all.Runs[0].Name))
	}
	return nil
}

// Read implements Source.
func (s *site) Read(ctx context.Context) (Page, error) {
	var p Page
	err := s.get(ctx, "/api/runs/"+url.PathEscape(s.name), &p)
	return p, err
}
