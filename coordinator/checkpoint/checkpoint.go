package checkpoint

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"

	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/proto/file"
	"github.com/tinygrow/tinygrow/tensor/nn"
	"github.com/tinygrow/tinygrow/tensor/optim"
)

// Formats of state.json. In unnamed a checkpoint does not say how its model reads
// pictures; one of format riding holds statistics that rode along with gradient rounds,
// one of format version none; one of format kept holds the best network, and statistics or none.
const (
	unnamed = 3
	version = 4
	riding  = 5
	kept    = 6
)

// Names of the files of a checkpoint.
const (
	modelFile     = ModelFile
	optimizerFile = "optimizer.safetensors"
	ridingFile    = "riding.f64" // only where statistics rode along
	bestFile      = BestFile     // only where the best network is kept
	stateFile     = "state.json"
)

// Checkpoint is all that a run needs to go on.
type Checkpoint struct {
	State
	Model *nn.Model
	Slots []optim.Slot
	// Riding are the sums of statistics that rode along with gradient rounds; what
	// they are of is in the progress.
	Riding []float64
	// Best is the network of the best evaluation, nil where none is kept.
	Best *nn.Model
}

// State is state.json.
type State struct {
	Version    int              `json:"version"`
	Run        proto.RunID      `json:"run"`
	Term       proto.Term       `json:"term"`
	Born       proto.Start      `json:"born,omitempty"` // the start that began the run
	Step       proto.Step       `json:"step"`
	Generation proto.Generation `json:"generation"`
	// Progress is the trainer's own account of where it stands.
	Progress json.RawMessage `json:"progress"`
	// Updates is the optimizer's count.
	Updates         uint64 `json:"updates"`
	ModelSHA256     string `json:"model_sha256"`
	OptimizerSHA256 string `json:"optimizer_sha256"`
	RidingSHA256    string `json:"riding_sha256,omitempty"` // digest of the statistics that rode along, in format 5
	BestSHA256      string `json:"best_sha256,omitempty"`   // digest of the best network, in format 6
	JournalBytes    int64  `json:"journal_bytes"`
	JournalSHA256   string `json:"journal_sha256"`
	MetricsBytes    int64  `json:"metrics_bytes"`
	// Card says how the model reads pictures, what its outputs are called and what
	// data it was trained on; nil in checkpoints of earlier versions.
	Card *nn.Card `json:"card,omitempty"`
	// Basis is what decides the run's bits; nil in checkpoints of earlier versions.
	Basis *Basis `json:"basis,omitempty"`
	// SHA256 is that of this file with an empty SHA256.
	SHA256 string `json:"sha256"`
}

// Basis is what decides a run's bits beside its data, which the card names: as it
// was when the run began.
type Basis struct {
	// Numerics is the version of what is computed, Arithmetic the fingerprint of how
	// the kernels round.
	Numerics   int    `json:"numerics"`
	Arithmetic string `json:"arithmetic"`
	// Settings are model, train, optim and growth of the configuration.
	Settings json.RawMessage `json:"settings"`
}

// encode completes s by its digest and returns state.json.
func (s *State) encode() ([]byte, error) {
	s.SHA256 = ""
	data, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(data)
	s.SHA256 = hex.EncodeToString(sum[:])
	data, err = json.MarshalIndent(s, "", "  ")
	return append(data, '\n'), err
}

// decodeState reads the state.json at path.
func decodeState(path string, data []byte) (State, error) {
	var s State
	if err := json.Unmarshal(data, &s); err != nil {
		return s, fmt.Errorf("%w: %s: %w", ErrDamaged, path, err)
	}
	if s.Version < unnamed || s.Version > kept {
		return s, fmt.Errorf("checkpoint: %s: format %d, this program reads formats %d to %d", path, s.Version, unnamed, kept)
	}
	if again, err := s.encode(); err != nil || !bytes.Equal(again, data) { // its digest included
		return s, fmt.Errorf("%w: %s is not what was written", ErrDamaged, path)
	}
	if err := s.validate(); err != nil {
		return s, fmt.Errorf("%w: %s: %w", ErrDamaged, path, err)
	}
	return s, nil
}

// Bounds of what state.json says: bytes of the file, counts of steps and the like,
// bytes of the logs.
const (
	maxState = 64 << 20
	maxCount = 1 << 48
	maxLog   = 1 << 40
)

// validate returns all values that no run can have, or nil.
func (s *State) validate() error {
	faults := []error{s.Run.Validate(), s.Born.Validate()}
	within := func(name string, v, most uint64) {
		if v > most {
			faults = append(faults, fmt.Errorf("%s %d: must be at most %d", name, v, most))
		}
	}
	within("step", uint64(s.Step), maxCount)
	within("term", uint64(s.Term), maxCount)
	within("generation", uint64(s.Generation), maxCount)
	within("updates", s.Updates, maxCount)
	within("journal_bytes", uint64(s.JournalBytes), maxLog) // negative ones are above it
	within("metrics_bytes", uint64(s.MetricsBytes), maxLog)
	if s.Version != kept && (s.Version == riding) != (s.RidingSHA256 != "") {
		faults = append(faults, fmt.Errorf("riding_sha256 %.80q in format %d", s.RidingSHA256, s.Version))
	}
	if (s.Version == kept) != (s.BestSHA256 != "") {
		faults = append(faults, fmt.Errorf("best_sha256 %.80q in format %d", s.BestSHA256, s.Version))
	}
	sums := map[string]string{"model_sha256": s.ModelSHA256, "optimizer_sha256": s.OptimizerSHA256, "journal_sha256": s.JournalSHA256}
	if s.RidingSHA256 != "" {
		sums["riding_sha256"] = s.RidingSHA256
	}
	if s.BestSHA256 != "" {
		sums["best_sha256"] = s.BestSHA256
	}
	for name, sum := range sums {
		if b, err := hex.DecodeString(sum); err != nil || len(b) != sha256.Size {
			faults = append(faults, fmt.Errorf("%s %.80q: must be %d hexadecimal digits", name, sum, 2*sha256.Size))
		}
	}
	if s.Card != nil {
		faults = append(faults, s.Card.Validate())
	}
	return errors.Join(faults...)
}

// OptimizerSHA256 returns the hexadecimal SHA-256 of an optimizer's state: the
// number of updates, then each slot's name and values with their lengths.
func OptimizerSHA256(updates uint64, slots []optim.Slot) string {
	h := sha256.New()
	var buf [4096]byte
	word := func(v uint64) { h.Write(binary.LittleEndian.AppendUint64(nil, v)) }
	word(updates)
	for _, s := range slots {
		word(uint64(len(s.Name)))
		h.Write([]byte(s.Name))
		word(uint64(len(s.Data)))
		for values := s.Data; len(values) > 0; {
			n := min(len(values), len(buf)/4)
			for i, v := range values[:n] {
				binary.LittleEndian.PutUint32(buf[4*i:], math.Float32bits(v))
			}
			h.Write(buf[:4*n])
			values = values[n:]
		}
	}
	return hex.EncodeToString(h.Sum(nil))
}

// ModelSHA256 returns the model's digest in hexadecimal.
func ModelSHA256(m *nn.Model) string {
	d := m.Digest()
	return hex.EncodeToString(d[:])
}

func modelTensors(m *nn.Model) []named {
	return append(part("", m.Graph.ParamEntries(), m.Params), part("", m.Graph.BufferEntries(), m.Buffers)...)
}

func slotTensors(g *nn.Graph, slots []optim.Slot) []named {
	var out []named
	for _, s := range slots {
		out = append(out, part(s.Name+".", g.ParamEntries(), s.Data)...)
		if s.Name == optim.AverageSlot {
			out = append(out, part(s.Name+".", g.BufferEntries(), s.Data[g.NumParams():])...)
		}
	}
	return out
}

// write fills an existing, empty directory with c and syncs it.
func (c *Checkpoint) write(dir string, d *disk) error {
	info, err := modelInfo(c.Model.Graph, c.Card)
	if err != nil {
		return err
	}
	if err := d.writeTensors(filepath.Join(dir, modelFile), modelTensors(c.Model), info); err != nil {
		return err
	}
	names := make([]string, len(c.Slots))
	for i, s := range c.Slots {
		names[i] = s.Name
	}
	slots, err := json.Marshal(names)
	if err != nil {
		return err
	}
	info = map[string]string{"format": "pt", "slots": string(slots)}
	if err := d.writeTensors(filepath.Join(dir, optimizerFile), slotTensors(c.Model.Graph, c.Slots), info); err != nil {
		return err
	}
	if err := errors.Join(c.writeRiding(dir, d), c.writeBest(dir, d)); err != nil {
		return err
	}
	state, err := c.State.encode()
	if err != nil {
		return err
	}
	err = d.writeFile(filepath.Join(dir, stateFile), func(f *os.File) error { _, err := f.Write(state); return err })
	if err != nil {
		return err
	}
	return d.syncDir(dir)
}

// Load reads and checks the checkpoint in directory dir. A file that is
// missing, truncated, of another architecture or of another checkpoint is
// ErrDamaged.
func Load(dir string) (*Checkpoint, error) {
	state, err := ReadState(dir)
	if err != nil {
		return nil, err
	}
	c := &Checkpoint{State: state}
	var card *nn.Card
	if c.Model, card, err = LoadModel(filepath.Join(dir, modelFile)); err != nil {
		return nil, err
	}
	if (card == nil) != (c.Card == nil) || card != nil && !card.Equal(c.Card) {
		return nil, fmt.Errorf("%w: %s: %s and %s tell of different preprocessing, classes or data: the files are of different checkpoints",
			ErrDamaged, dir, modelFile, stateFile)
	}
	if sum := ModelSHA256(c.Model); sum != c.ModelSHA256 {
		return nil, fmt.Errorf("%w: %s: its model has sha256 %.12s, %s says %.12s: the files are of different checkpoints",
			ErrDamaged, dir, sum, stateFile, c.ModelSHA256)
	}
	if err := errors.Join(c.loadSlots(filepath.Join(dir, optimizerFile)), c.loadRiding(dir), c.loadBest(dir)); err != nil {
		return nil, err
	}
	return c, nil
}

// NewestState returns what the newest checkpoint of the run in dir says of itself, or
// nil: the run stands at its start, or whoever needs the checkpoint says what is wrong
// with it.
func NewestState(dir string) *State {
	steps, err := Steps(dir)
	if err != nil || len(steps) == 0 {
		return nil
	}
	state, err := ReadState(StepDir(dir, steps[len(steps)-1]))
	if err != nil {
		return nil
	}
	return &state
}

// ReadState reads what the checkpoint in directory dir says of itself.
func ReadState(dir string) (s State, err error) {
	path := filepath.Join(dir, stateFile)
	data, err := file.Read(path, maxState)
	if errors.Is(err, file.ErrIrregular) || errors.Is(err, file.ErrTooLarge) {
		return s, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	if err != nil {
		return s, fmt.Errorf("checkpoint: %w", err)
	}
	return decodeState(path, data)
}

// LoadModel reads a model file alone. The card is nil in a file of an earlier version.
func LoadModel(path string) (*nn.Model, *nn.Card, error) {
	f, err := readTensors(path, modelValues)
	if err != nil {
		return nil, nil, err
	}
	m, err := f.model()
	if err != nil {
		return nil, nil, err
	}
	card, err := f.card(m.Graph)
	return m, card, err
}

// modelValues returns how many values the model file has that tells of itself so.
func modelValues(info map[string]string) (int, error) {
	g, err := nn.ParseGraph([]byte(info[graphKey]))
	if err != nil {
		return 0, err
	}
	return g.NumParams() + g.NumBuffers(), nil
}

// model returns the model in a file.
func (f *tensorFile) model() (*nn.Model, error) {
	path := f.path
	g, err := nn.ParseGraph([]byte(f.info[graphKey]))
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrDamaged, path, err)
	}
	if got, want := f.values(), g.NumParams()+g.NumBuffers(); got != want {
		return nil, fmt.Errorf("%w: %s: %d values, its architecture has %d", ErrDamaged, path, got, want)
	}
	m := &nn.Model{Graph: g, Params: make([]float32, g.NumParams()), Buffers: make([]float32, g.NumBuffers())}
	if err := f.fill(modelTensors(m)); err != nil {
		return nil, err
	}
	return m, nil
}

func (c *Checkpoint) loadSlots(path string) error {
	f, err := readTensors(path, func(info map[string]string) (int, error) {
		names, err := slotNames(info)
		return c.slotValues(names), err
	})
	if err != nil {
		return err
	}
	return c.fillSlots(f)
}

// slotValues returns how many values slots of these names have.
func (c *Checkpoint) slotValues(names []string) int {
	n := len(names) * len(c.Model.Params)
	for _, name := range names {
		if name == optim.AverageSlot {
			n += len(c.Model.Buffers)
		}
	}
	return n
}

// maxSlots bounds the slots of an optimizer.
const maxSlots = 8

// slotNames returns the names of the slots that a file tells of.
func slotNames(info map[string]string) (names []string, err error) {
	if err := json.Unmarshal([]byte(info["slots"]), &names); err != nil {
		return nil, fmt.Errorf("list of slots: %w", err)
	}
	if len(names) > maxSlots {
		return nil, fmt.Errorf("%d slots: must be at most %d", len(names), maxSlots)
	}
	return names, nil
}

// fillSlots takes the optimizer's slots from a file.
func (c *Checkpoint) fillSlots(f *tensorFile) error {
	path := f.path
	names, err := slotNames(f.info)
	if err != nil {
		return fmt.Errorf("%w: %s: %w", ErrDamaged, path, err)
	}
	if got, want := f.values(), c.slotValues(names); got != want {
		return fmt.Errorf("%w: %s: %d values, %d slots of this architecture have %d", ErrDamaged, path, got, len(names), want)
	}
	for _, name := range names {
		c.Slots = append(c.Slots, optim.Slot{Name: name, Data: make([]float32, c.slotValues([]string{name}))})
	}
	if err := f.fill(slotTensors(c.Model.Graph, c.Slots)); err != nil {
		return err
	}
	if sum := OptimizerSHA256(c.Updates, c.Slots); sum != c.OptimizerSHA256 {
		return fmt.Errorf("%w: %s: its state has sha256 %.12s, %s says %.12s: the files are of different checkpoints",
			ErrDamaged, path, sum, stateFile, c.OptimizerSHA256)
	}
	return nil
}
