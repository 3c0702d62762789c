package view

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/tinygrow/tinygrow/coordinator/checkpoint"
	"github.com/tinygrow/tinygrow/coordinator/trainer"
	"github.com/tinygrow/tinygrow/growth"
	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/tensor/nn"
)

// Bounds of what a Run keeps.
const (
	MaxEvents      = 2048 // growth events
	MaxEvaluations = 4096 // evaluations; beyond that every other one goes
)

// Run is the account of one run directory. It is not safe for concurrent use.
type Run struct {
	dir              string
	metrics, journal tail

	info        Info
	network     *Network
	series      Series
	evaluations []Evaluation
	events      []Event
	places      []int64 // offsets at which their entries begin in the journal
	forgotten   int     // events before those kept
	newborn     map[uint64]newborn
	seconds     map[uint64]float64 // time that the events at these steps took
	spent       []spent
	bad         int // lines that could not be read
	era         int // raised when what was read before no longer counts

	forward map[uint64]int64 // FLOPs of a sample's forward pass by generation
	batch   float64          // samples of the last step
	last    Point            // the last step
	step    line             // the last step's, whole
	pauses  float64          // seconds that earlier processes took
	loaded  proto.Step       // checkpoint whose network and state were read
	seen    bool             // one was
}

// newborn is how the new neurons of an event fared.
type newborn struct {
	text string
	dead int
}

// spent is what was used up to a step.
type spent struct {
	step       uint64
	flops, cpu float64
}

// Evaluation is one evaluation of the network.
type Evaluation struct {
	Split      string  `json:"split"` // test or validation
	Step       uint64  `json:"step"`
	Epoch      float64 `json:"epoch"`
	Generation uint64  `json:"generation"`
	Params     int     `json:"params"`
	Loss       float64 `json:"loss"`
	Accuracy   float64 `json:"accuracy"` // 0 to 1
	Wall       float64 `json:"wall"`     // seconds since the run began
	FLOPs      float64 `json:"flops"`    // spent so far
	CPU        float64 `json:"cpu"`      // seconds of processor time so far; 0: not known
}

// Open returns the account of the run in dir as it stands. A directory without a
// configuration is checkpoint.ErrNoRun; one that has just been made is a run
// without steps.
func Open(dir string) (*Run, error) {
	r := &Run{dir: dir, metrics: tail{path: filepath.Join(dir, checkpoint.MetricsFile)},
		journal: tail{path: filepath.Join(dir, checkpoint.JournalFile)},
		newborn: map[uint64]newborn{}, seconds: map[uint64]float64{}, forward: map[uint64]int64{}}
	document, err := checkpoint.ReadConfig(dir)
	if err != nil {
		return nil, err
	}
	if r.info, err = readInfo(dir, document); err != nil {
		return nil, err
	}
	_, err = r.Refresh()
	return r, err
}

// Refresh reads what was added to the directory, and reports whether the account
// changed.
func (r *Run) Refresh() (changed bool, err error) {
	before := r.mark()
	err = errors.Join(
		r.journal.read(r.forgetEvents, r.readEvent),
		r.metrics.read(r.forgetCourse, r.readLine),
		r.readCheckpoint())
	r.stand()
	r.spread()
	return before != r.mark(), err
}

// mark is what differs once anything was added.
type mark struct {
	era                        int
	metrics, journal           int64
	step                       proto.Step
	seen                       bool
	state                      State
	points, evaluations, event int
}

func (r *Run) mark() mark {
	return mark{r.era, r.metrics.at, r.journal.at, r.loaded, r.seen, r.info.State, len(r.series.Points), len(r.evaluations), len(r.events)}
}

// Dir returns the directory, Info what the run is.
func (r *Run) Dir() string { return r.dir }

// Info returns what the run is and how it stands.
func (r *Run) Info() Info { return r.info }

// Network returns the network of the newest checkpoint, nil if there is none yet.
func (r *Run) Network() *Network { return r.network }

// Series returns the course of training. It must not be changed.
func (r *Run) Series() Series { return r.series }

// Evaluations returns all evaluations in their order. They must not be changed.
func (r *Run) Evaluations() []Evaluation { return r.evaluations }

// Events returns the newest growth events in their order. They must not be changed.
func (r *Run) Events() []Event { return r.events }

// Era is raised whenever what was read before no longer counts, as when a run was
// resumed from an earlier step.
func (r *Run) Era() int { return r.era }

// Unread returns how many lines of the run's files could not be read.
func (r *Run) Unread() int { return r.bad }

// ErrNoEvent is returned when an event is asked for that the account does not have.
var ErrNoEvent = errors.New("no growth event of that number")

// Detail reads all about the growth event of a number from the journal.
func (r *Run) Detail(number int) (Detail, error) {
	i := number - r.forgotten
	if i < 0 || i >= len(r.events) {
		return Detail{}, fmt.Errorf("%s: event %d: %w: there are %d to %d", r.dir, number, ErrNoEvent,
			r.forgotten, r.forgotten+len(r.events)-1)
	}
	line, err := lineAt(r.journal.path, r.places[i])
	if err != nil {
		return Detail{}, err
	}
	var record growth.Record
	if err := json.Unmarshal(line, &record); err != nil {
		return Detail{}, fmt.Errorf("%s: event %d: %w: %w", r.journal.path, number, checkpoint.ErrDamaged, err)
	}
	d := detail(&record)
	d.Event = r.events[i]
	return d, nil
}

// forgetEvents and forgetCourse drop what was read of a file that begins anew.
func (r *Run) forgetEvents() {
	r.events, r.places, r.forgotten = nil, nil, 0
	r.forward = map[uint64]int64{}
	r.era++
}

func (r *Run) forgetCourse() {
	r.series, r.evaluations, r.spent = Series{}, nil, nil
	r.newborn, r.seconds = map[uint64]newborn{}, map[uint64]float64{}
	r.last, r.step, r.pauses, r.bad = Point{}, line{}, 0, 0
	r.era++
}

// readEvent takes a line of the journal.
func (r *Run) readEvent(at int64, line []byte) {
	var record growth.Record
	if err := json.Unmarshal(line, &record); err != nil {
		r.bad++
		return
	}
	e := shorten(&record)
	e.Number = r.forgotten + len(r.events)
	r.forward[e.Generation] = e.FLOPs[0]
	r.forward[e.Generation+1] = e.FLOPs[1]
	r.events, r.places = append(r.events, e), append(r.places, at)
	if len(r.events) > MaxEvents {
		r.events, r.places = r.events[1:], r.places[1:]
		r.forgotten++
	}
}

// line is a line of the metrics, whatever its kind.
type line struct {
	kind, split      string
	step, generation uint64
	epoch            float64
	loss, accuracy   float64
	params           int
	samples          float64
	lr               float64
	compared         trainer.Compared
	wall, speed      float64
	workers          int
	flops, cpu       float64
	event            uint64
	eventSeconds     float64
	dead             int
	text             string
	metric           string // what the accuracy is where samples have no classes
}

// stepBegins is how the line of a step begins.
var stepBegins = []byte(`{"kind":"step",`)

// begin returns what a line has before its text is read: that of a step what the last
// step's had, since it leaves out what is as it was.
func begin(text []byte, last *line) line {
	if bytes.HasPrefix(text, stepBegins) {
		return *last
	}
	return line{}
}

// set takes a member of a line.
func (l *line) set(key, value []byte) {
	switch string(key) {
	case "kind":
		l.kind = string(value)
	case "split":
		l.split = string(value)
	case "step":
		l.step = count(value)
	case "generation":
		l.generation = count(value)
	case "epoch":
		l.epoch = number(value)
	case "loss":
		l.loss = number(value)
	case "accuracy":
		l.accuracy = number(value)
	case "params":
		l.params = int(count(value))
	case "samples":
		l.samples = number(value)
	case "lr":
		l.lr = number(value)
	case "grad_norm":
		l.compared.GradNorm = number(value)
	case "grad_cosine":
		l.compared.GradCosine = number(value)
	case "noise_scale":
		l.compared.NoiseScale = number(value)
	case "wall_s":
		l.wall = number(value)
	case "samples_per_s":
		l.speed = number(value)
	case "workers":
		l.workers = int(count(value))
	case "flops":
		l.flops = number(value)
	case "cpu_s":
		l.cpu = number(value)
	case "event_s":
		l.eventSeconds = number(value)
	case "metric":
		l.metric = metricOf(string(value))
	}
}

// metricOf returns what an accuracy is in place of one, if it is a metric that there is.
func metricOf(name string) string {
	for _, t := range nn.Tasks {
		if !t.Labelled() && t.Metric() == name {
			return name
		}
	}
	return ""
}

// parse reads a line that is flat, or one of the others whose members are needed.
func (l *line) parse(text []byte) bool {
	if flat(text, l.set) {
		return l.kind != ""
	}
	*l = line{}
	var whole struct {
		Kind   string  `json:"kind"`
		Step   uint64  `json:"step"`
		Event  uint64  `json:"event"`
		Dead   int     `json:"dead"`
		Text   string  `json:"text"`
		Wall   float64 `json:"wall_s"`
		Event2 float64 `json:"event_s"`
		FLOPs  float64 `json:"flops"`
		CPU    float64 `json:"cpu_s"`
	}
	if json.Unmarshal(text, &whole) != nil || whole.Kind == "" {
		return false
	}
	l.kind, l.step, l.event, l.dead, l.text = whole.Kind, whole.Step, whole.Event, whole.Dead, whole.Text
	l.wall, l.eventSeconds, l.flops, l.cpu = whole.Wall, whole.Event2, whole.FLOPs, whole.CPU
	return true
}

// readLine takes a line of the metrics.
func (r *Run) readLine(_ int64, text []byte) {
	l := begin(text, &r.step)
	if !l.parse(text) {
		r.bad++
		return
	}
	wall := r.pauses + l.wall
	if l.wall > 0 && wall < r.last.Wall { // another process took the run up
		r.pauses = r.last.Wall
		wall = r.pauses + l.wall
	}
	switch l.kind {
	case "step":
		p := Point{Step: l.step, Epoch: l.epoch, Loss: l.loss, Accuracy: l.accuracy, Rate: l.lr, Generation: l.generation, Params: l.params,
			Cosine: l.compared.GradCosine, Norm: l.compared.GradNorm, Noise: l.compared.NoiseScale, Wall: wall, Speed: l.speed,
			Workers: l.workers}
		r.batch, r.step = l.samples, l
		r.series.Add(p)
		r.last = p
	case "evaluation":
		r.info.Metric = l.metric
		r.evaluations = append(r.evaluations, Evaluation{Split: l.split, Step: l.step, Epoch: l.epoch, Generation: l.generation,
			Params: l.params, Loss: l.loss, Accuracy: l.accuracy, Wall: wall})
		r.thinEvaluations()
		r.last.Wall = max(r.last.Wall, wall)
	case "growth":
		r.seconds[l.step] = l.eventSeconds
		r.last.Wall = max(r.last.Wall, wall)
	case "newborn":
		r.newborn[l.event] = newborn{l.text, l.dead}
	}
	if l.flops > 0 {
		r.spent = append(r.spent, spent{l.step, l.flops, l.cpu})
	}
}

// thinEvaluations drops every other evaluation where there are too many, and
// keeps the last.
func (r *Run) thinEvaluations() {
	if len(r.evaluations) <= MaxEvaluations {
		return
	}
	kept := r.evaluations[:0]
	for i, e := range r.evaluations {
		if (len(r.evaluations)-1-i)%2 == 0 {
			kept = append(kept, e)
		}
	}
	r.evaluations = kept
	r.era++
}

// readCheckpoint reads the network of the newest checkpoint if that is a new one.
// One that another process is about to remove is read at the next refresh.
func (r *Run) readCheckpoint() error {
	step, err := r.newest()
	if errors.Is(err, checkpoint.ErrNoCheckpoint) || errors.Is(err, checkpoint.ErrNoRun) || r.seen && step == r.loaded {
		return nil
	}
	if err != nil {
		return err
	}
	dir := checkpoint.StepDir(r.dir, step)
	g, card, err := checkpoint.ReadGraph(filepath.Join(dir, checkpoint.ModelFile))
	if err != nil {
		return r.unlessGone(step, err)
	}
	state, err := checkpoint.ReadState(dir)
	if err != nil {
		return r.unlessGone(step, err)
	}
	var at trainer.Progress
	if err := json.Unmarshal(state.Progress, &at); err != nil {
		return fmt.Errorf("%s: %w: %w", dir, checkpoint.ErrDamaged, err)
	}
	n, err := newNetwork(g, r.events)
	if err != nil {
		return fmt.Errorf("%s: %w: %w", dir, checkpoint.ErrDamaged, err)
	}
	r.network, r.loaded, r.seen = n, step, true
	r.forward[g.Generation] = n.FLOPs
	r.info.takeCheckpoint(&state, card, at)
	return nil
}

// unlessGone returns err unless the checkpoint it is about is no longer the newest.
func (r *Run) unlessGone(step proto.Step, err error) error {
	if now, e := r.newest(); e == nil && now != step {
		return nil
	}
	return err
}

// spread gives all points and evaluations what was spent until then: between two
// places where it was written down it grows evenly, behind the last one by what a
// step costs.
func (r *Run) spread() {
	at := r.anchors()
	perStep := func(generation uint64) float64 { return float64(3 * r.batch * float64(r.forward[generation])) }
	fill := func(step, generation uint64, i *int) (flops, cpu float64) {
		for *i+1 < len(at) && at[*i+1].step <= step {
			*i++
		}
		a := at[*i]
		if *i+1 < len(at) {
			b := at[*i+1]
			part := float64(step-a.step) / float64(b.step-a.step)
			return a.flops + float64(part*(b.flops-a.flops)), a.cpu + float64(part*(b.cpu-a.cpu))
		}
		flops = a.flops + float64(float64(step-min(step, a.step))*perStep(generation))
		if *i > 0 && a.cpu > 0 {
			b := at[*i-1]
			cpu = a.cpu + float64(float64(step-min(step, a.step))*(a.cpu-b.cpu)/float64(a.step-b.step))
		}
		return flops, cpu
	}
	i := 0
	for k := range r.series.Points {
		p := &r.series.Points[k]
		p.FLOPs, p.CPU = fill(p.Step, p.Generation, &i)
	}
	i = 0
	for k := range r.evaluations {
		e := &r.evaluations[k]
		if k > 0 && e.Step < r.evaluations[k-1].Step {
			i = 0
		}
		e.FLOPs, e.CPU = fill(e.Step, e.Generation, &i)
	}
	for k := range r.events {
		e := &r.events[k]
		n := r.newborn[uint64(e.Number)]
		e.Newborn, e.Dead, e.Seconds = n.text, n.dead, r.seconds[e.Step]
	}
}

// anchors returns the steps at which it is known what was spent, ascending; where
// the run did not write it down, the growth events, computed from the cost of a step.
func (r *Run) anchors() []spent {
	at := []spent{{}}
	add := func(s spent) {
		if s.step > at[len(at)-1].step {
			at = append(at, s)
		}
	}
	base := 0.0 // processor time of earlier processes
	for i, s := range r.spent {
		if i > 0 && s.cpu < r.spent[i-1].cpu {
			base += r.spent[i-1].cpu
		}
		s.cpu += base
		add(s)
	}
	if len(r.spent) > 0 {
		return at
	}
	for i := range r.events {
		e := &r.events[i]
		before := at[len(at)-1]
		steps := float64(e.Step - min(e.Step, before.step))
		add(spent{step: e.Step, flops: before.flops + float64(steps*3*r.batch*float64(e.FLOPs[0]))})
	}
	return at
}
