package proto

import (
	"bytes"
	"errors"
	"math"
	"reflect"
	"testing"
	"time"
)

func head() Head { return Head{Run: "r1", Term: 3, Start: "s1"} }

// samples is one valid message of every kind.
func samples() []Message {
	data := []byte{1, 2, 3}
	chunk := Chunk{Size: 9, Offset: 4, Data: data}
	spec := RoundSpec{Round: 7, Kind: Gradient, Generation: 2, Step: 9, Order: Order{"train", "epoch", 1, 2, 3}, Offset: 64, Count: 100,
		MicroShard: 32,
		Weights:    BlobRef{"w/2/9", 1000, Digest{5}}}
	cut := spec
	cut.Shares = &Shares{Deal: 3, Cuts: []uint64{4, 9}}
	return []Message{
		&Hello{Head: head(), Worker: "w1", Host: "h", Threads: 2, Data: "d", Fingerprint: "f", Program: "p"},
		&Welcome{Head: head(), Threads: 2, Heartbeat: time.Second},
		&Refusal{Head: head(), Why: OtherData, Text: "other data"},
		&Pull{Head: head(), Worker: "w1", Seq: 4, Last: 3},
		&Task{Head: head(), Do: Compute, Task: 5, Spec: spec, Block: Block{0, 2}},
		&Task{Head: head(), Do: Compute, Task: 6, Spec: replicas(spec), Block: Block{2, 3}},
		&Task{Head: head(), Do: Wait},
		&Heartbeat{Head: head(), Worker: "w1", Leave: true, Text: "bye"},
		&PartialChunk{Head: head(), Worker: "w1", Round: 7, Block: Block{2, 4}, Inputs: Digest{6, 15: 7}, Chunk: chunk},
		&BlobRequest{Head: head(), Worker: "w1", Key: "w/2/9", Offset: 12},
		&BlobChunk{Head: head(), Key: "w/2/9", Chunk: chunk},
		&News{Head: head(), Ended: true, Text: "done", Holder: "h", Since: 5, Claims: true, Logged: true, Heard: "s2"},
		&Commit{Head: head(), Kind: CheckpointCommit, Step: 9, Generation: 2, Digest: "ab", Holder: "h", Origin: 2, Born: "s0", From: 5,
			Object: "o", Settings: "seed: 1"},
		&Lease{Head: head(), Holder: "h", Released: true},
		&DataRequest{Head: head(), Fetch: true},
		&DataOffer{Head: head(), Set: DataSet{Name: "cifar10", Digest: "ab", Bytes: 9, Seed: 1, Limit: 2}, File: FileRef{"cifar10-ab", 7}},
		&FileRequest{Head: head(), Key: "cifar10-ab", Offset: 1 << 35},
		&FileChunk{Head: head(), Key: "cifar10-ab", Chunk: Chunk{Size: 1 << 36, Offset: 1 << 35, Data: data}},
		&FileChunk{Head: head(), Key: "other", Gone: true},
		&Task{Head: head(), Do: Compute, Task: 5, Spec: cut, Block: Block{0, 2}},
		&Piece{PartialChunk{Head: head(), Worker: "w1", Round: 7, Block: Block{2, 4}, Inputs: Digest{6}, Chunk: chunk}, Of{3, 1}},
		&Receipt{Head: head(), Reducer: "r1", Of: Of{3, 1}, Worker: "K.w1", Round: 7, Block: Block{2, 4}, Inputs: Digest{6}, Digest: 1 << 63,
			Squares: 0.5},
		&Duty{Head: head(), Deal: 3, Do: Update, Round: 7, Owners: []Owner{{"r1", "n", BlobRef{"s", 8, Digest{1}}}}, Chosen: []Chosen{{Block{0, 2},
			"K.w1"}}, Inputs: Digest{3}, MicroShards: 2, Exponent: -3, Update: UpdateBy{0.5, 0.1, 0.25, "weights", true, Raw{1, 2, 3, 4}}, Window: Window{1, 8, 16}},
		&Report{Head: head(), Reducer: "r1", Of: Of{3, 1}, Do: Sum, Round: 7, Chunk: chunk},
		&Edge{Head: head(), Reducer: "r1", Of: Of{3, 1}, To: 2, Round: 7, Chunk: chunk},
		&Edge{Head: head(), Reducer: "r1", Of: Of{3, 1}, To: 2, Round: 7, Lacks: true},
	}
}

func TestMessagesSurviveTheWire(t *testing.T) {
	for _, m := range samples() {
		data, err := Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		got := reflect.New(reflect.TypeOf(m).Elem()).Interface().(Message)
		if err := Decode(data, got); err != nil {
			t.Fatalf("%T: %v", m, err)
		}
		if !reflect.DeepEqual(got, m) {
			t.Errorf("got %+v, want %+v", got, m)
		}
	}
}

func TestDecodeRefusesWhatIsOutOfRange(t *testing.T) {
	valid := func() *Task { return samples()[4].(*Task) }
	for name, m := range map[string]Message{
		"empty run":            &News{},
		"run with a dot":       &News{Head: Head{Run: "a.b"}},
		"start with a dot":     &News{Head: Head{Run: "r", Start: "a.b"}},
		"start of no end":      &News{Head: Head{Run: "r", Start: Start(make([]byte, 65))}},
		"born with a space":    &Commit{Head: head(), Kind: StepCommit, Born: "a b"},
		"long settings":        &Commit{Head: head(), Kind: TermCommit, Settings: string(make([]byte, MaxSettings+1))},
		"worker with a star":   &Pull{Head: head(), Worker: "*"},
		"no threads":           &Hello{Head: head(), Worker: "w"},
		"long text":            &News{Head: head(), Text: string(make([]byte, 5000))},
		"unknown task":         &Task{Head: head(), Do: "dance"},
		"block of no tree":     func() Message { m := valid(); m.Block = Block{1, 3}; return m }(),
		"no micro-shard":       func() Message { m := valid(); m.Spec.MicroShard = 0; return m }(),
		"no samples":           func() Message { m := valid(); m.Spec.Count = 0; return m }(),
		"endless samples":      func() Message { m := valid(); m.Spec.Count = math.MaxUint64; return m }(),
		"far offset":           func() Message { m := valid(); m.Spec.Offset = math.MaxUint64; return m }(),
		"unknown order":        func() Message { m := valid(); m.Spec.Order.Stream = "x"; return m }(),
		"unknown split":        func() Message { m := valid(); m.Spec.Order.Split = "x"; return m }(),
		"unknown kind":         func() Message { m := valid(); m.Spec.Kind = "x"; return m }(),
		"chunk past the end":   &BlobChunk{Head: head(), Key: "k", Chunk: Chunk{Size: 2, Offset: 1, Data: []byte{1, 2}}},
		"negative offset":      &BlobChunk{Head: head(), Key: "k", Chunk: Chunk{Size: 2, Offset: -1}},
		"chunk of no size":     &BlobChunk{Head: head(), Key: "k", Chunk: Chunk{Size: -1}},
		"unknown commit":       &Commit{Head: head(), Kind: "x"},
		"term of the past":     &Commit{Head: head(), Kind: StepCommit, Origin: 4},
		"data of no size":      &DataOffer{Head: head(), Set: DataSet{Bytes: -1}},
		"file of no size":      &DataOffer{Head: head(), File: FileRef{Size: -1}},
		"blob of a file":       &BlobChunk{Head: head(), Key: "k", Chunk: Chunk{Size: MaxBlob + 1}},
		"partial of a file":    &PartialChunk{Head: head(), Worker: "w", Block: Block{0, 1}, Chunk: Chunk{Size: MaxBlob + 1}},
		"file past its limit":  &FileChunk{Head: head(), Chunk: Chunk{Size: MaxFile + 1}},
		"file before its end":  &FileRequest{Head: head(), Offset: -1},
		"data with a limit":    &DataOffer{Head: head(), Set: DataSet{Limit: -1}},
		"empty block":          &PartialChunk{Head: head(), Worker: "w", Block: Block{2, 2}},
		"ranges that cross":    func() Message { m := valid(); m.Spec.Shares = &Shares{Cuts: []uint64{5, 5}}; return m }(),
		"no range":             func() Message { m := valid(); m.Spec.Shares = &Shares{}; return m }(),
		"piece of a far range": &Piece{PartialChunk{Head: head(), Worker: "w", Block: Block{0, 1}}, Of{1, MaxShares}},
		"receipt of no block":  &Receipt{Head: head(), Reducer: "r"},
		"receipt of nobody":    &Receipt{Head: head(), Block: Block{0, 1}},
		"duty of no kind":      &Duty{Head: head()},
		"duty of no owner":     &Duty{Head: head(), Do: Deal, Owners: []Owner{{State: BlobRef{Size: -1}}}},
		"duty of no block":     &Duty{Head: head(), Do: Sum, Chosen: []Chosen{{}}},
		"duty of a far scale":  &Duty{Head: head(), Do: Sum, Exponent: MaxExponent + 1},
		"duty of odd buffers":  &Duty{Head: head(), Do: Update, Update: UpdateBy{Buffers: Raw{1}}},
		"duty of the past":     &Duty{Head: head(), Do: Gather, Window: Window{From: -1}},
		"report of nobody":     &Report{Head: head()},
		"edge of nobody":       &Edge{Head: head()},
		"edge to a far range":  &Edge{Head: head(), Reducer: "r", To: MaxShares},
		"report past its end":  &Report{Head: head(), Reducer: "r", Chunk: Chunk{Size: 1, Data: Raw{1, 2}}},
		"heartbeat of a year":  &Welcome{Head: head(), Threads: 1, Heartbeat: 365 * 24 * time.Hour},
	} {
		data, err := Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		if err := Decode(data, reflect.New(reflect.TypeOf(m).Elem()).Interface().(Message)); err == nil {
			t.Errorf("%s was accepted", name)
		}
	}
}

func TestDecodeTellsDamageAndVersions(t *testing.T) {
	m := &BlobChunk{Head: head(), Key: "k", Chunk: ChunkAt([]byte("some bytes"), 0, 100)}
	data, err := Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	damaged := bytes.Replace(data, []byte("some"), []byte("sone"), 1)
	if err := Decode(damaged, &BlobChunk{}); !errors.Is(err, ErrDamaged) {
		t.Errorf("a damaged chunk: %v", err)
	}
	old := resealed(t, bytes.Replace(unsealed(data), []byte{0xa1, 'v', Version}, []byte{0xa1, 'v', Version - 1}, 1))
	if err := Decode(old, &BlobChunk{}); !errors.Is(err, ErrVersion) {
		t.Errorf("a message of another version: %v", err)
	}
}
