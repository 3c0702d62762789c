package proto

import (
	"errors"
	"fmt"
	"time"
)

// Version is the version of the messages. Coordinator and workers must agree.
const Version = 6

// Limits of what a message may claim; larger ones are refused before memory is taken.
const (
	MaxChunk       = 512 << 10 // bytes of tensor in one message
	MaxBlob        = 4 << 30
	MaxFile        = 1 << 40
	MaxMicroShards = 1 << 20
	maxText        = 4096
	// MinPayload is the least max_payload of a server: the longest text fits,
	// and a piece of a tensor.
	MinPayload = 16 << 10
	// Surrounding is room for what a message has besides a piece of a tensor.
	Surrounding = 4 << 10
)

// ChunkSize returns how many bytes of a tensor go into a message of at most
// payload bytes.
func ChunkSize(payload int) int { return min(MaxChunk, max(payload, MinPayload)-Surrounding) &^ 7 }

// Head stands in every message: who speaks of which run, in which term, and of
// which start of a coordinator. Who has not joined yet names neither term nor start.
type Head struct {
	V     int   `msgpack:"v"`
	Run   RunID `msgpack:"run"`
	Term  Term  `msgpack:"term"`
	Start Start `msgpack:"start"`
}

// Same reports whether both are of the same start of the same run.
func (h Head) Same(o Head) bool { return h.Run == o.Run && h.Term == o.Term && h.Start == o.Start }

func (h *Head) validate() error { return errors.Join(h.Run.Validate(), h.Start.Validate()) }

func (h *Head) head() *Head { return h }

// Message is a pointer to one of the structs below.
type Message interface {
	head() *Head
	check() error
}

// ErrVersion is returned when a message is of another version of the protocol.
var ErrVersion = errors.New("other protocol version")

// Hello asks to join a run.
type Hello struct {
	Head
	Worker WorkerID `msgpack:"worker"`
	// Nonce tells this process from another one that goes by the same id.
	Nonce   Nonce  `msgpack:"nonce"`
	Host    string `msgpack:"host"`
	Threads int    `msgpack:"threads"`
	// Shared lets the coordinator share out the host's processors, Threads of
	// them, between all workers of Host that say so.
	Shared bool `msgpack:"shared,omitempty"`
	// Data is the digest of the worker's data set.
	Data string `msgpack:"data"`
	// Fingerprint is that of the worker's arithmetic.
	Fingerprint string `msgpack:"fingerprint"`
	// Program names the worker's build, for messages to people.
	Program string `msgpack:"program"`
	// StandIn says that the worker computes nothing: see worker.Config.
	StandIn bool `msgpack:"stand_in,omitempty"`
}

func (m *Hello) check() error {
	return errors.Join(m.Worker.Validate(), text("nonce", string(m.Nonce)), text("host", m.Host), text("data digest", m.Data),
		text("fingerprint", m.Fingerprint), text("program", m.Program), within("threads", m.Threads, bounds{1, 1 << 16}))
}

// Welcome admits a worker.
type Welcome struct {
	Head
	// Threads is how many goroutines the worker is to compute with.
	Threads int `msgpack:"threads"`
	// Heartbeat is how often the worker has to give a sign of life.
	Heartbeat time.Duration `msgpack:"heartbeat"`
}

func (m *Welcome) check() error {
	return errors.Join(within("threads", m.Threads, bounds{1, 1 << 16}),
		within("heartbeat", int(m.Heartbeat), bounds{int(time.Millisecond), int(time.Hour)}))
}

// Why is the kind of a Refusal.
type Why string

// The reasons to turn a worker away.
const (
	OtherVersion     Why = "version"
	OtherData        Why = "data"
	OtherArithmetic  Why = "arithmetic"
	TooManyWorkers   Why = "workers"
	NotYet           Why = "not-yet" // the coordinator is starting: ask again
	QuarantineWorker Why = "quarantine"
	TakenID          Why = "id"       // another worker goes by that id
	NoData           Why = "no-data"  // the run cannot hand its data set out
	OtherStandIn     Why = "stand-in" // the worker stands in and the run is trained, or the other way round
)

// Refusal turns a worker away and says why in words for people.
type Refusal struct {
	Head
	Why  Why    `msgpack:"why"`
	Text string `msgpack:"text"`
}

func (m *Refusal) check() error { return errors.Join(text("why", string(m.Why)), text("text", m.Text)) }

// DataRequest asks what the run's data set is and where a worker gets it.
type DataRequest struct {
	Head
	// Fetch asks where the set's file is too, which is made on demand.
	Fetch bool `msgpack:"fetch,omitempty"`
}

func (m *DataRequest) check() error { return nil }

// DataSet identifies a data set.
type DataSet struct {
	Name   string `msgpack:"name"`
	Digest string `msgpack:"digest"`
	// Bytes is what its samples take in memory.
	Bytes int64 `msgpack:"bytes"`
	// Seed and Limit are those of a set that is drawn, not read.
	Seed  uint64 `msgpack:"seed,omitempty"`
	Limit int    `msgpack:"limit,omitempty"`
}

// DataOffer says what the data set is, and File which file holds it, if that
// was asked for. Two files of one key have the same bytes.
type DataOffer struct {
	Head
	Set  DataSet `msgpack:"set"`
	File FileRef `msgpack:"file,omitempty"`
}

func (m *DataOffer) check() error {
	return errors.Join(text("data set", m.Set.Name), text("data digest", m.Set.Digest), text("file", m.File.Key),
		within("bytes", int(m.Set.Bytes), bounds{0, 1 << 62}), within("limit", m.Set.Limit, bounds{0, 1 << 40}),
		within("file size", int(m.File.Size), bounds{0, MaxFile}))
}

// FileRef names a file that the coordinator hands out in chunks.
type FileRef struct {
	Key  string `msgpack:"key"`
	Size int64  `msgpack:"size"`
}

// FileRequest asks for the piece of a file from Offset on.
type FileRequest struct {
	Head
	Key    string `msgpack:"key"`
	Offset int64  `msgpack:"offset"`
}

func (m *FileRequest) check() error {
	return errors.Join(text("file", m.Key), within("offset", int(m.Offset), bounds{0, MaxFile}))
}

// FileChunk is the answer to a FileRequest; Gone is set if there is no file of
// that key.
type FileChunk struct {
	Head
	Key  string `msgpack:"key"`
	Gone bool   `msgpack:"gone,omitempty"`
	Chunk
}

func (m *FileChunk) check() error { return errors.Join(text("file", m.Key), m.Chunk.check(MaxFile)) }

// Order names an order of samples; it is a pure function of its fields.
type Order struct {
	Split  string `msgpack:"split"`  // train, validation or test
	Stream string `msgpack:"stream"` // epoch, growth or sequential
	Seed   uint64 `msgpack:"seed"`
	Index  uint64 `msgpack:"index"` // number of the epoch or of the growth event
	// Held is how many of the training samples, drawn by Seed, are the validation
	// split and no longer of the training split.
	Held uint64 `msgpack:"held,omitempty"`
}

// Kind is what a round computes.
type Kind string

// The kinds of rounds.
const (
	Gradient Kind = "gradient" // F32: gradient; F64: samples, loss, correct, batch-norm moments
	Local    Kind = "local"    // F32: change of the weights; F64: as of gradients, over all steps
	Evaluate Kind = "evaluate" // F64: samples, loss, correct
	Growth   Kind = "growth"   // F64: what the growth request asks for
)

// BlobRef names bytes that the coordinator hands out in chunks: weights,
// architectures, growth requests. A key is used once by a start of a coordinator.
type BlobRef struct {
	Key    string `msgpack:"key"`
	Size   int64  `msgpack:"size"`
	Digest Digest `msgpack:"digest"`
}

func (r BlobRef) check() error {
	if r.Key == "" && r.Size == 0 {
		return nil // none
	}
	return errors.Join(text("blob key", r.Key), within("blob size", int(r.Size), bounds{0, MaxBlob}))
}

// RoundSpec is one distributed computation over Count samples from position
// Offset of an order, in micro-shards of MicroShard samples.
type RoundSpec struct {
	Round      Round      `msgpack:"round"`
	Kind       Kind       `msgpack:"kind"`
	Generation Generation `msgpack:"generation"`
	Step       Step       `msgpack:"step"` // step of the weights
	Order      Order      `msgpack:"order"`
	Offset     uint64     `msgpack:"offset"`
	Count      uint64     `msgpack:"count"`
	MicroShard uint32     `msgpack:"micro_shard"`
	// Augment of an evaluation is Mirrored where the mean of the outputs for a picture
	// and its mirror image is evaluated too: loss and correct samples follow the metrics.
	Augment Augmentation `msgpack:"augment"`
	// Wire is how gradients and the weights they are computed with are rounded.
	Wire    Wire      `msgpack:"wire"`
	Graph   BlobRef   `msgpack:"graph"`   // architecture of the generation, JSON
	Weights BlobRef   `msgpack:"weights"` // parameters, then buffers, raw float32; parameters alone in a format of Wire
	Request BlobRef   `msgpack:"request"` // growth request
	Local   LocalSpec `msgpack:"local"`   // of rounds of that kind, else zero
	// Halves asks for the squares of the gradients of the two halves of the round, the
	// children of the root of its tree.
	Halves bool `msgpack:"halves,omitempty"`
	// Shares says who gets which part of the gradients; nil: the coordinator gets all.
	Shares *Shares `msgpack:"shares,omitempty"`
}

// Inputs returns the digest of all that the sums of the round follow from,
// besides the data set: what is computed over which samples, and the blobs, of
// which the digests are given. Whoever computes sums gives those of what it
// holds, not those that the references promise.
func (r *RoundSpec) Inputs(graph, weights, request Digest) Digest {
	o := r.Order
	b := fmt.Appendf(nil, "%q %d %d %q %q %d %d %d %d %d %d %d %q %d ", r.Kind, r.Generation, r.Step,
		o.Split, o.Stream, o.Seed, o.Index, o.Held, r.Offset, r.Count, r.MicroShard, r.Augment, r.Wire.Format, r.Wire.Exponent)
	for _, d := range []Digest{graph, weights, request} {
		b = append(b, d[:]...)
	}
	if l := r.Local; r.Kind == Local {
		b = fmt.Appendf(b, " %d %d %d %s", l.Replicas, l.Steps, l.Update, l.Plan.Digest)
	}
	if r.Halves {
		b = append(b, " halves"...)
	}
	return DigestOf(b)
}

// Halved reports whether the sums over block b tell of the two halves of the round.
func (r *RoundSpec) Halved(b Block) bool {
	return r.Halves && !b.IsLeaf() && b == Root(r.MicroShards())
}

// MicroShards returns the number of micro-shards of the round, which are the leaves of
// its tree, or that of its replicas in their place.
func (r *RoundSpec) MicroShards() uint32 {
	if r.Kind == Local {
		return r.Local.Replicas
	}
	return uint32((r.Count + uint64(r.MicroShard) - 1) / uint64(r.MicroShard))
}

// Range returns the positions [lo, hi) of the order that micro-shard i covers. In a round
// of local steps it tells how many samples a replica computes in all, not which they are.
func (r *RoundSpec) Range(i uint32) (lo, hi uint64) {
	if r.Kind == Local {
		each := r.Count / uint64(r.Local.Replicas)
		return r.Offset + uint64(i)*each, r.Offset + uint64(i+1)*each
	}
	lo = r.Offset + uint64(i)*uint64(r.MicroShard)
	return lo, min(lo+uint64(r.MicroShard), r.Offset+r.Count)
}

func (r *RoundSpec) check() error {
	errs := []error{
		r.Graph.check(), r.Weights.check(), r.Request.check(), r.Shares.check(),
		within("micro-shard", int(r.MicroShard), bounds{1, 1 << 16}), within("samples", int(min(r.Count, 1<<62)), bounds{1, 1 << 40}),
		within("offset", int(min(r.Offset, 1<<62)), bounds{0, 1 << 40}),
		within("samples held out", int(min(r.Order.Held, 1<<62)), bounds{0, 1 << 40}),
	}
	if r.Kind != Gradient && r.Kind != Local && r.Kind != Evaluate && r.Kind != Growth {
		errs = append(errs, fmt.Errorf("round of unknown kind %.40q", string(r.Kind)))
	}
	if s := r.Order.Split; s != "train" && s != "validation" && s != "test" {
		errs = append(errs, fmt.Errorf("unknown split %.40q", r.Order.Split))
	}
	if s := r.Order.Stream; s != "epoch" && s != "growth" && s != "sequential" {
		errs = append(errs, fmt.Errorf("unknown order %.40q", s))
	}
	if r.Halves && r.Kind != Gradient && r.Kind != Local {
		errs = append(errs, fmt.Errorf("halves of a round of kind %s, which has no gradients", r.Kind))
	}
	errs = append(errs, r.Augment.check(), r.Wire.check(r.Kind), r.checkLocal())
	if err := errors.Join(errs...); err != nil {
		return err
	}
	return within("micro-shards", int(min((r.Count+uint64(r.MicroShard)-1)/uint64(r.MicroShard), 1<<62)), bounds{1, MaxMicroShards})
}

// Pull asks for a block. The reply comes when there is one, or says Wait after
// a while. Seq counts the worker's pulls, Last is the last task that reached it.
type Pull struct {
	Head
	Worker WorkerID `msgpack:"worker"`
	Nonce  Nonce    `msgpack:"nonce"`
	Seq    uint64   `msgpack:"seq"`
	Last   uint64   `msgpack:"last"`
}

func (m *Pull) check() error { return errors.Join(m.Worker.Validate(), text("nonce", string(m.Nonce))) }

// Do is what the reply to a Pull tells a worker to do.
type Do string

// The replies to a Pull.
const (
	Compute Do = "compute" // Spec and Block are set
	Wait    Do = "wait"    // pull again
	Rejoin  Do = "rejoin"  // say hello again
	Stop    Do = "stop"    // the run has ended
)

// Task is the reply to a Pull.
type Task struct {
	Head
	Do    Do        `msgpack:"do"`
	Task  uint64    `msgpack:"task"`
	Spec  RoundSpec `msgpack:"spec"`
	Block Block     `msgpack:"block"`
	// Threads is how many goroutines to compute with; 0: as many as the worker has.
	Threads int    `msgpack:"threads,omitempty"`
	Text    string `msgpack:"text,omitempty"` // why, for people
}

func (m *Task) check() error {
	switch m.Do {
	case Wait, Rejoin, Stop:
		return text("text", m.Text)
	case Compute:
		if err := m.Spec.check(); err != nil {
			return err
		}
		if !m.Block.In(m.Spec.MicroShards()) {
			return fmt.Errorf("block %v is no node of the tree over %d micro-shards", m.Block, m.Spec.MicroShards())
		}
		return errors.Join(text("text", m.Text), within("threads", m.Threads, bounds{0, 1 << 16}))
	}
	return fmt.Errorf("task of unknown kind %.40q", string(m.Do))
}

// Heartbeat is a worker's sign of life.
type Heartbeat struct {
	Head
	Worker WorkerID `msgpack:"worker"`
	Nonce  Nonce    `msgpack:"nonce"`
	// Leave says that the worker goes, and Text why.
	Leave bool   `msgpack:"leave,omitempty"`
	Text  string `msgpack:"text,omitempty"`
	// Have is how many bytes of the broadcast blob Key have arrived.
	Key  string `msgpack:"key,omitempty"`
	Have int64  `msgpack:"have,omitempty"`
}

func (m *Heartbeat) check() error {
	return errors.Join(m.Worker.Validate(), text("nonce", string(m.Nonce)), text("text", m.Text), text("blob key", m.Key),
		within("bytes", int(m.Have), bounds{0, MaxBlob}))
}

// Chunk is a piece of something longer, and where it belongs. The message
// around it has a checksum.
type Chunk struct {
	Size   int64 `msgpack:"size"`   // bytes of the whole
	Offset int64 `msgpack:"offset"` // first byte of this piece
	Data   Raw   `msgpack:"data"`
}

func (c *Chunk) check(limit int) error {
	if err := within("size", int(c.Size), bounds{0, limit}); err != nil {
		return err
	}
	if len(c.Data) > MaxChunk || c.Offset < 0 || c.Offset > c.Size || int64(len(c.Data)) > c.Size-c.Offset {
		return fmt.Errorf("chunk of %d bytes at %d of %d does not fit", len(c.Data), c.Offset, c.Size)
	}
	return nil
}

// PartialChunk is a piece of the sums over a block.
type PartialChunk struct {
	Head
	Worker WorkerID `msgpack:"worker"`
	Round  Round    `msgpack:"round"`
	Block  Block    `msgpack:"block"`
	// Inputs is the digest of what the sums were made from: RoundSpec.Inputs.
	Inputs Digest `msgpack:"inputs"`
	Chunk
}

func (m *PartialChunk) check() error {
	if m.Block.Lo >= m.Block.Hi || m.Block.Hi > MaxMicroShards {
		return fmt.Errorf("block %v is empty or too large", m.Block)
	}
	return errors.Join(m.Worker.Validate(), m.Chunk.check(MaxBlob))
}

// BlobRequest asks for the piece of a blob from Offset on.
type BlobRequest struct {
	Head
	Worker WorkerID `msgpack:"worker"`
	Key    string   `msgpack:"key"`
	Offset int64    `msgpack:"offset"`
}

func (m *BlobRequest) check() error {
	return errors.Join(m.Worker.Validate(), text("blob key", m.Key), within("offset", int(m.Offset), bounds{0, MaxBlob}))
}

// BlobChunk is a piece of a blob: the answer to a BlobRequest, or part of a
// broadcast. An answer without a blob of that key has Gone set.
type BlobChunk struct {
	Head
	Key  string `msgpack:"key"`
	Gone bool   `msgpack:"gone,omitempty"`
	Chunk
}

func (m *BlobChunk) check() error {
	return errors.Join(text("blob key", m.Key), m.Chunk.check(MaxBlob))
}

// News tells everybody what the run is doing: a new term, its end. Coordinators
// of one run learn of each other by it.
type News struct {
	Head
	Ended bool   `msgpack:"ended,omitempty"`
	Text  string `msgpack:"text,omitempty"`
	// Holder names the coordinator for people.
	Holder string `msgpack:"holder,omitempty"`
	// Since is when the start began, in nanoseconds of its host's clock.
	Since int64 `msgpack:"since,omitempty"`
	// Claims says that the start does not lead yet: it asks whether another does.
	Claims bool `msgpack:"claims,omitempty"`
	// Logged says that the start leads by a commit log.
	Logged bool `msgpack:"logged,omitempty"`
	// Heard is another start of the run that this one heard of.
	Heard Start `msgpack:"heard,omitempty"`
}

func (m *News) check() error {
	return errors.Join(text("text", m.Text), text("holder", m.Holder), m.Heard.Validate())
}

// fieldName is what a fault calls a field of a message.
type fieldName string

// bounds are the least and the largest value of a field.
type bounds struct{ least, most int }

func within(what fieldName, v int, b bounds) error {
	if v < b.least || v > b.most {
		return fmt.Errorf("%s %d: must be %d to %d", what, v, b.least, b.most)
	}
	return nil
}

func text(what fieldName, s string) error {
	if len(s) > maxText {
		return fmt.Errorf("%s of %d bytes: at most %d", what, len(s), maxText)
	}
	return nil
}
