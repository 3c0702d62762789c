package run

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"unicode"

	"github.com/tinygrow/tinygrow/coordinator"
	"github.com/tinygrow/tinygrow/coordinator/ui"
	"github.com/tinygrow/tinygrow/coordinator/view"
	"github.com/tinygrow/tinygrow/deploy/docs"
	"github.com/tinygrow/tinygrow/proto/file"
)

// UI says where a coordinator shows its run in a browser.
type UI struct {
	// Listen is host:port. Empty: on a terminal a loopback port (7070, or a free one)
	// by train and resume, elsewhere none. "off": none.
	Listen string `yaml:"listen"`
	// TokenFile holds the token that who looks must have; empty: a new one where the
	// address is not a loopback one, else none.
	TokenFile string `yaml:"token_file"`
}

// DefaultPages is where pages are shown unless something else is asked for.
const DefaultPages = "127.0.0.1:7070"

// pagesOff is what ui.listen says when no pages are wanted.
const pagesOff = "off"

// validate returns the faults of the settings.
func (u UI) validate() error {
	if u.Listen == "" || u.Listen == pagesOff {
		return nil
	}
	if _, _, err := net.SplitHostPort(u.Listen); err != nil {
		return fmt.Errorf("ui.listen %q: must be host:port, as 127.0.0.1:7070, or off", u.Listen)
	}
	return nil
}

// Bounds of a token.
const (
	minToken = 16
	maxToken = 256
)

// PageToken reads the token of a file, on its first line; no file has none.
func PageToken(path string) (string, error) {
	if path == "" {
		return "", nil
	}
	text, err := file.Read(path, maxToken+2)
	if err != nil {
		return "", usagef("token of the pages: %w", err)
	}
	token := strings.TrimSpace(string(text))
	plain := !strings.ContainsFunc(token, func(c rune) bool {
		return c > unicode.MaxASCII || !unicode.IsLetter(c) && !unicode.IsDigit(c) && !strings.ContainsRune("-_.", c)
	})
	if len(token) < minToken || len(token) > maxToken || !plain {
		return "", usagef("token of the pages: %s must hold one of %d to %d letters, digits, dashes, dots and underscores",
			path, minToken, maxToken)
	}
	return token, nil
}

// pages are the pages of a run while it goes on.
type pages struct {
	live   *ui.Live
	cancel context.CancelFunc
	done   chan error
}

// showPages starts pages of the run, if settings or the terminal ask for them, and
// tells their address. Those that nobody asked for may fail: that is told.
func (s *Settings) showPages(how Start, con Console) (*pages, error) {
	if s.UI.Listen == pagesOff || s.UI.Listen == "" && !how.Terminal {
		return nil, nil
	}
	p := &pages{live: ui.NewLive(), done: make(chan error, 1)}
	o := ui.Options{Address: s.UI.Listen, Live: p.live, Docs: docs.Handler()}
	if o.Address == "" {
		o.Address, o.Near = DefaultPages, true
	}
	var err error
	if o.Token, err = PageToken(s.UI.TokenFile); err != nil {
		return nil, err
	}
	library, err := view.RunLibrary(s.RunDir)
	if err != nil {
		return nil, err
	}
	server, err := ui.Listen(library, o)
	if err != nil {
		if s.UI.Listen == "" {
			con.Line("this run has no pages to look at: %v", err)
			return nil, nil
		}
		return nil, as(ErrUsage, err)
	}
	con.Line("see it grow: %s", server.Address())
	ctx, cancel := context.WithCancel(context.Background())
	p.cancel = cancel
	go func() { p.done <- server.Serve(ctx) }()
	return p, nil
}

// events returns e with callbacks that tell the pages as well.
func (p *pages) events(e coordinator.Events) coordinator.Events {
	if p == nil {
		return e
	}
	return p.live.Events(e)
}

// close ends the pages. That they failed meanwhile is no reason for the run to fail.
func (p *pages) close(con Console) {
	if p == nil {
		return
	}
	p.cancel()
	if err := <-p.done; err != nil && !errors.Is(err, context.Canceled) {
		con.Line("the pages of this run ended early: %v", err)
	}
}

// shown is a Console whose events the pages hear as well.
type shown struct {
	Console
	pages *pages
}

// Events are told to the console, then to the pages.
func (s shown) Events() coordinator.Events { return s.pages.events(s.Console.Events()) }
