package proto

import (
	"fmt"
	"strings"
)

// Subjects of a run. Each role publishes below its own names, and each worker
// below that of its key, so that a server can permit everybody its own subjects
// and no others:
//
//	tg.RUN.up.KEY.join     worker -> coordinator, request: Hello -> Welcome or Refusal
//	tg.RUN.up.KEY.pull     worker -> coordinator, request: Pull -> Task and others
//	tg.RUN.up.KEY.beat     worker -> coordinator: Heartbeat, Leave
//	tg.RUN.up.KEY.data     worker -> coordinator, request: DataRequest -> DataOffer or Refusal
//	tg.RUN.up.KEY.file     worker -> coordinator, request: FileRequest -> FileChunk
//	tg.RUN.up.KEY.blob     worker -> coordinator, request: BlobRequest -> BlobChunk
//	tg.RUN.up.KEY.partial  worker -> coordinator: PartialChunk
//	tg.RUN.bulk.weights    coordinator -> all workers: BlobChunk
//	tg.RUN.news            coordinator -> everybody: News, once a second at least
//	tg.RUN.log             coordinator -> commit log: Commit
//	tg.RUN.lease           coordinator -> lease: Lease
const prefix = "tg."

func (r RunID) up(k Key, what string) string {
	return prefix + string(r) + ".up." + string(k) + "." + what
}

// JoinSubject is where a worker of key k asks to join.
func (r RunID) JoinSubject(k Key) string { return r.up(k, "join") }

// PullSubject is where a worker of key k asks for work.
func (r RunID) PullSubject(k Key) string { return r.up(k, "pull") }

// BeatSubject is where a worker of key k gives signs of life and takes its leave.
func (r RunID) BeatSubject(k Key) string { return r.up(k, "beat") }

// DataSubject is where a worker of key k asks about the data set.
func (r RunID) DataSubject(k Key) string { return r.up(k, "data") }

// FileSubject is where a worker of key k asks for pieces of the data set.
func (r RunID) FileSubject(k Key) string { return r.up(k, "file") }

// BlobSubject is where a worker of key k asks for pieces of blobs.
func (r RunID) BlobSubject(k Key) string { return r.up(k, "blob") }

// PartialSubject is where a worker of key k sends partial sums.
func (r RunID) PartialSubject(k Key) string { return r.up(k, "partial") }

// NewsSubject is where a coordinator says how the run stands.
func (r RunID) NewsSubject() string { return prefix + string(r) + ".news" }

// WeightsSubject is where weights are broadcast.
func (r RunID) WeightsSubject() string { return prefix + string(r) + ".bulk.weights" }

// LogSubject is the subject of the commit log.
func (r RunID) LogSubject() string { return prefix + string(r) + ".log" }

// LeaseSubject is the subject of the lease.
func (r RunID) LeaseSubject() string { return prefix + string(r) + ".lease" }

// Sender returns the key below whose name a worker's message was published.
func Sender(subject string) Key {
	names := strings.Split(subject, ".")
	if len(names) != 5 || names[2] != "up" {
		return ""
	}
	return Key(names[3])
}

// Bulk reports whether a subject carries tensors or files: they travel on a
// connection of their own, so that control messages do not wait behind them.
func Bulk(subject string) bool {
	switch subject[strings.LastIndexByte(subject, '.')+1:] {
	case "weights", "partial", "blob", "file":
		return true
	}
	return false
}

const maxID = 64

// checkID says what is wrong with a name that becomes part of a subject.
func checkID(what fieldName, id string) error {
	if id == "" || len(id) > maxID {
		return fmt.Errorf("%s %.80q: must have 1 to %d characters", what, id, maxID)
	}
	for _, c := range id {
		if !inID(c) {
			return fmt.Errorf("%s %q: only letters, digits, - and _ may stand in it", what, id)
		}
	}
	return nil
}

func inID(c rune) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_'
}

// Validate says what is wrong with a key's name.
func (k Key) Validate() error { return checkID("key", string(k)) }

// Validate says what is wrong with a run id.
func (r RunID) Validate() error { return checkID("run id", string(r)) }

// Validate says what is wrong with a worker id.
func (w WorkerID) Validate() error { return checkID("worker id", string(w)) }
