package top

import (
	"context"
	"errors"
	"io"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"
)

// interval is how often a run is looked at.
const interval = time.Second

// screen is a page that fills the screen.
type screen struct {
	ctx    context.Context
	source Source
	page   Page
	fault  error
	style  Style
}

// read is what a look at the run found.
type read struct {
	page Page
	err  error
}

// Watch shows a run on a terminal until the user leaves by q, Esc or Ctrl-C, or ctx ends.
func Watch(ctx context.Context, s Source, in io.Reader, out io.Writer, style Style) error {
	page, err := s.Read(ctx)
	if err != nil {
		return err
	}
	m := &screen{ctx: ctx, source: s, page: page, style: style}
	_, err = tea.NewProgram(m, tea.WithContext(ctx), tea.WithInput(in), tea.WithOutput(out)).Run()
	if errors.Is(err, tea.ErrInterrupted) || errors.Is(err, tea.ErrProgramKilled) && ctx.Err() != nil {
		return nil
	}
	return err
}

// Init implements tea.Model.
func (m *screen) Init() tea.Cmd { return m.look() }

// look reads the run after a while.
func (m *screen) look() tea.Cmd {
	return tea.Tick(interval, func(time.Time) tea.Msg {
		page, err := m.source.Read(m.ctx)
		return read{page, err}
	})
}

// Update implements tea.Model.
func (m *screen) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		m.style.Width, m.style.Height = msg.Width, msg.Height
	case tea.KeyPressMsg:
		switch msg.String() {
		case "q", "esc", "ctrl+c":
			return m, tea.Quit
		}
	case read:
		if m.fault = msg.err; msg.err == nil {
			m.page = msg.page
		}
		return m, m.look()
	}
	return m, nil
}

// View implements tea.Model.
func (m *screen) View() tea.View {
	style := m.style
	style.Height-- // the last line takes one
	foot := "q leaves"
	if m.fault != nil {
		foot = style.cut(foot+"; "+m.fault.Error(), style.Width)
	}
	text := Render(&m.page, style)
	if gap := style.Height - strings.Count(text, "\n") - 1; gap > 0 {
		text += strings.Repeat("\n", gap)
	}
	v := tea.NewView(text + "\n" + style.paint(soft, foot))
	v.AltScreen = true
	return v
}
