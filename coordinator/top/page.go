package top

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/mattn/go-runewidth"

	"github.com/tinygrow/tinygrow/coordinator/view"
	"github.com/tinygrow/tinygrow/growth"
	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/tensor/nn"
)

// Style is how a page is written.
type Style struct {
	Width, Height int  // the size of the screen; Height 0: as many lines as there are
	Colour        bool // control sequences for colours are written
	Plain         bool // ASCII alone is written
}

// Colours, by their numbers in ANSI sequences.
const (
	bold   = "1"
	soft   = "2"
	blue   = "34"
	orange = "33"
)

// paint gives text a colour if the style has any.
func (s Style) paint(colour, text string) string {
	if !s.Colour || text == "" {
		return text
	}
	return "\x1b[" + colour + "m" + text + "\x1b[0m"
}

// Render writes a page in lines of at most s.Width columns, and s.Height lines.
func Render(p *Page, s Style) string {
	s.Width = max(s.Width, 20)
	lines := append(s.head(p), s.curves(p)...)
	last := s.growth(p)
	hands := s.workers(p)
	room := math.MaxInt
	if s.Height > 0 {
		room = s.Height - len(lines) - len(last)
		if len(hands) > max(room/3, 2) {
			hands = hands[:max(room/3, 2)]
		}
		room -= len(hands)
	}
	lines = append(lines, s.widths(p, room)...)
	lines = append(append(lines, hands...), last...)
	if s.Height > 0 && len(lines) > s.Height {
		lines = lines[:s.Height]
	}
	return strings.Join(lines, "\n")
}

// cut shortens text to a width.
func (s Style) cut(text string, width int) string {
	dots := "…"
	if s.Plain {
		dots = "~"
	}
	return runewidth.Truncate(proto.Printable(text), max(width, 1), dots)
}

// last returns the last value, and whether there is one.
func last(v []float64) (float64, bool) {
	if len(v) == 0 {
		return 0, false
	}
	return v[len(v)-1], true
}

// head says which run it is and how far.
func (s Style) head(p *Page) []string {
	i := &p.Info
	first := fmt.Sprintf("%s  %s", i.Name, i.State)
	if step, ok := last(p.Series.Step); ok {
		epoch, _ := last(p.Series.Epoch)
		first += fmt.Sprintf("  step %.0f", step)
		if p.Live != nil && p.Live.Steps > 0 {
			first += fmt.Sprintf("/%d", p.Live.Steps)
		}
		first += fmt.Sprintf("  epoch %.4g", epoch)
	}
	if p.Live != nil && p.Live.Left > 0 {
		first += "  ETA " + duration(p.Live.Left)
	}
	second := fmt.Sprintf("%s on %s, %s", i.Model, i.Data, i.Policy)
	if params, ok := last(p.Series.Params); ok {
		flops, _ := last(p.Series.FLOPs)
		wall, _ := last(p.Series.Wall)
		speed, _ := last(p.Series.Speed)
		second += fmt.Sprintf("  %s parameters  %s FLOPs  %s  %s samples/s", scaled(params), scaled(flops), duration(wall), scaled(speed))
	}
	out := []string{s.paint(bold, s.cut(first, s.Width)), s.cut(second, s.Width)}
	note := func(what, text string) {
		if text != "" {
			out = append(out, s.paint(orange, s.cut(what+text, s.Width)))
		}
	}
	note("failed: ", i.Fault)
	note("ended: ", i.Ended)
	note("cannot be read: ", p.Fault)
	if p.Live != nil {
		note("waiting: ", p.Live.Waiting)
	}
	return append(out, "")
}

// margins returns how many columns stand before and behind a curve or a bar.
func (s Style) margins() (labelled, valued int) {
	const narrow = 36
	if s.Width < narrow {
		return 6, 8
	}
	return 11, 10
}

// curves draws loss and accuracy.
func (s Style) curves(p *Page) []string {
	c := &p.Series
	if len(c.Step) == 0 {
		return []string{s.cut("no step was made yet", s.Width), ""}
	}
	name, percent := cmp.Or(p.Info.Metric, nn.Classification.Metric()), func(v float64) string { return fmt.Sprintf("%.2f %%", 100*v) }
	if name == nn.Regression.Metric() {
		percent = func(v float64) string { return fmt.Sprintf("%.4f", v) }
	}
	out := []string{s.curve("loss", c.Loss, func(v float64) string { return fmt.Sprintf("%.4f", v) }),
		s.curve(name, c.Accuracy, percent)}
	for _, split := range []string{"validation", "test"} {
		var course []float64
		for _, e := range p.Evaluations {
			if e.Split == split {
				course = append(course, e.Accuracy)
			}
		}
		if len(course) > 0 {
			out = append(out, s.curve(split, course, percent))
		}
	}
	return append(out, "")
}

// curve draws values with a name before and the last one behind.
func (s Style) curve(name string, values []float64, write func(float64) string) string {
	labelled, valued := s.margins()
	end, _ := last(values)
	room := max(s.Width-labelled-valued-1, 1)
	return runewidth.FillRight(s.cut(name, labelled-1), labelled) + s.paint(blue, spark(values, room, s.Plain)) +
		" " + runewidth.FillLeft(write(end), valued)
}

// levels of a curve, from low to high.
var levels = map[bool][]rune{false: []rune("▁▂▃▄▅▆▇█"), true: []rune("_.-:=+*#")}

// spark draws values over width columns, each the mean of those that fall into it.
func spark(values []float64, width int, plain bool) string {
	n := min(width, len(values))
	means := make([]float64, n)
	lo, hi := math.Inf(1), math.Inf(-1)
	for i := range means {
		part := values[i*len(values)/n : (i+1)*len(values)/n]
		for _, v := range part {
			means[i] += v / float64(len(part))
		}
		lo, hi = min(lo, means[i]), max(hi, means[i])
	}
	marks := levels[plain]
	var out strings.Builder
	for _, v := range means {
		k := 0
		if hi > lo {
			k = int((v - lo) / (hi - lo) * float64(len(marks)-1))
		}
		out.WriteRune(marks[min(max(k, 0), len(marks)-1)])
	}
	return runewidth.FillRight(out.String(), width)
}

// widths draws a bar for each layer that is as wide as the layer, with what the last
// event added marked, in as many lines as there is room.
func (s Style) widths(p *Page, room int) []string {
	if p.Network == nil || room < 2 {
		return nil
	}
	grown, widest := latest(p.Events), 1
	since := newer(p)
	var nodes []view.Node
	for _, n := range p.Network.Nodes {
		if n.Kind == "layer" && (n.Group == "" || n.Group == n.ID) {
			if w, ok := since[string(n.ID)]; ok {
				n.Shape.C = w
			}
			nodes = append(nodes, n)
			widest = max(widest, n.Shape.C)
		}
	}
	shown := nodes
	if len(nodes) > room-1 { // layers that grew stay
		slices.SortStableFunc(shown, func(a, b view.Node) int { return (b.Shape.C - b.Start) - (a.Shape.C - a.Start) })
		shown = shown[:max(room-2, 0)]
	}
	var out []string
	full, fresh := "█", "▒"
	if s.Plain {
		full, fresh = "#", "+"
	}
	labelled, valued := s.margins()
	bars := max(s.Width-labelled-valued-1, 1)
	for _, n := range shown {
		length := max(int(float64(bars)*float64(n.Shape.C)/float64(widest)), 1)
		added := min(int(math.Ceil(float64(bars)*float64(grown[string(n.ID)])/float64(widest))), length)
		bar := s.paint(blue, strings.Repeat(full, length-added)) + s.paint(orange, strings.Repeat(fresh, added)) +
			strings.Repeat(" ", bars-length)
		value := fmt.Sprint(n.Shape.C)
		if n.Start != n.Shape.C {
			value = fmt.Sprintf("%d>%d", n.Start, n.Shape.C)
		}
		out = append(out, runewidth.FillRight(s.cut(string(n.ID), labelled-1), labelled)+bar+" "+runewidth.FillLeft(value, valued))
	}
	if less := len(nodes) - len(shown); less > 0 {
		out = append(out, s.paint(soft, s.cut(fmt.Sprintf("and %d more layers", less), s.Width)))
	}
	return append(out, "")
}

// newer returns the widths that layers got after the checkpoint that the network is of.
func newer(p *Page) map[string]int {
	out := map[string]int{}
	for _, e := range p.Events {
		if e.Generation < p.Network.Generation {
			continue
		}
		for _, g := range e.Grown {
			out[string(g.Site)] = g.To
		}
	}
	return out
}

// latest returns how many channels the last event that grew gave each layer.
func latest(events []view.Event) map[string]int {
	for _, e := range slices.Backward(events) {
		if len(e.Grown) > 0 {
			out := map[string]int{}
			for _, g := range e.Grown {
				out[string(g.Site)] = max(g.To-g.From, 0)
			}
			return out
		}
	}
	return nil
}

// workers lists phases of a step and the workers.
func (s Style) workers(p *Page) []string {
	if p.Live == nil {
		return nil
	}
	var out []string
	if f := p.Live.Timing.Phases; p.Live.Timing.WallS > 0 {
		part := func(v float64) string { return fmt.Sprintf("%.0f %%", 100*v/p.Live.Timing.WallS) }
		out = append(out, s.cut(fmt.Sprintf("step: wait %s  add %s  update %s  encode %s  serve %s", part(f.Wait), part(f.Reduce),
			part(f.Update), part(f.Encode), part(f.Serve)), s.Width))
	}
	for _, w := range p.Live.Workers {
		line := fmt.Sprintf("%s  %s  %.1f blocks/s  %s samples/s  lag %.1f s  %d threads  %s", w.ID, w.State, w.BlocksPerS,
			scaled(w.SamplesPerS), w.Lag, w.Threads, w.Host)
		out = append(out, s.cut(line, s.Width))
	}
	return out
}

// growth tells of the last event that grew.
func (s Style) growth(p *Page) []string {
	for _, e := range slices.Backward(p.Events) {
		if len(e.Grown) == 0 && e.Deepened == nil {
			continue
		}
		did := "grew"
		if e.Decision == growth.Prune {
			did = "was pruned"
		}
		text := fmt.Sprintf("%s at step %d, %s to %s parameters: ", did, e.Step, scaled(float64(e.Params[0])), scaled(float64(e.Params[1])))
		if len(e.Grown) > 0 {
			text += e.Grown[len(e.Grown)-1].Sentence
		} else {
			text += e.Deepened.Sentence
		}
		return fold(proto.Printable(text), s.Width, 3)
	}
	return []string{s.cut("it has not grown yet", s.Width)}
}

// fold breaks text at spaces into at most so many lines.
func fold(text string, width, most int) []string {
	var lines []string
	line := ""
	for _, word := range strings.Fields(text) {
		switch {
		case line == "":
			line = word
		case runewidth.StringWidth(line)+1+runewidth.StringWidth(word) <= width:
			line += " " + word
		default:
			lines, line = append(lines, line), word
		}
	}
	lines = append(lines, line)
	for i := range lines {
		lines[i] = runewidth.Truncate(lines[i], width, "")
	}
	return lines[:min(len(lines), most)]
}

// scaled writes a number with three digits and a letter for thousands.
func scaled(v float64) string {
	unit := ""
	for _, u := range []string{"k", "M", "G", "T", "P"} {
		if v < 999.5 {
			break
		}
		v, unit = float64(v/1e3), u
	}
	return fmt.Sprintf("%.3g%s", v, unit)
}

// duration writes seconds for people.
func duration(seconds float64) string {
	return time.Duration(float64(seconds * float64(time.Second))).Round(time.Second).String()
}
