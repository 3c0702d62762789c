package proto

import (
	"crypto/rand"
	"fmt"
	"strconv"
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
//	tg.RUN.up.KEY.piece.N  worker -> owner of range N: Piece
//	tg.RUN.red.KEY.join    reducer -> coordinator, request: Hello -> Welcome or Refusal
//	tg.RUN.red.KEY.beat    reducer -> coordinator: Heartbeat, Leave
//	tg.RUN.red.KEY.blob    reducer -> coordinator, request: BlobRequest -> BlobChunk
//	tg.RUN.red.KEY.receipt reducer -> coordinator: Receipt
//	tg.RUN.red.KEY.report  reducer -> coordinator: Report
//	tg.RUN.red.KEY.edge.N  reducer -> owner of range N: Edge
//	tg.RUN.duty            coordinator -> all reducers: Duty
//	tg.RUN.bulk.weights    coordinator or reducers -> all workers: BlobChunk
//	tg.RUN.news            coordinator -> everybody: News, once a second at least
//	tg.RUN.log             coordinator -> commit log: Commit
//	tg.RUN.lease           coordinator -> lease: Lease
const prefix = "tg."

func (r RunID) up(k Key, what string) string {
	return prefix + string(r) + ".up." + string(k) + "." + what
}

func (r RunID) reducer(k Key, what string) string {
	return prefix + string(r) + ".red." + string(k) + "." + what
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

// PieceSubject is where a worker of key k sends pieces of a range.
func (r RunID) PieceSubject(k Key, share int) string { return r.up(k, "piece."+strconv.Itoa(share)) }

// ReducerJoinSubject is where a reducer of key k asks to join.
func (r RunID) ReducerJoinSubject(k Key) string { return r.reducer(k, "join") }

// ReducerBeatSubject is where a reducer of key k gives signs of life and takes its leave.
func (r RunID) ReducerBeatSubject(k Key) string { return r.reducer(k, "beat") }

// ReducerBlobSubject is where a reducer of key k asks for its range.
func (r RunID) ReducerBlobSubject(k Key) string { return r.reducer(k, "blob") }

// ReceiptSubject is where a reducer of key k tells which pieces it has.
func (r RunID) ReceiptSubject(k Key) string { return r.reducer(k, "receipt") }

// ReportSubject is where a reducer of key k tells what its duties led to.
func (r RunID) ReportSubject(k Key) string { return r.reducer(k, "report") }

// EdgeSubject is where a reducer of key k sends what the owner of another range needs.
func (r RunID) EdgeSubject(k Key, share int) string {
	return r.reducer(k, "edge."+strconv.Itoa(share))
}

// DutySubject is where the coordinator tells reducers what to do.
func (r RunID) DutySubject() string { return prefix + string(r) + ".duty" }

// NewsSubject is where a coordinator says how the run stands.
func (r RunID) NewsSubject() string { return prefix + string(r) + ".news" }

// WeightsSubject is where weights are broadcast.
func (r RunID) WeightsSubject() string { return prefix + string(r) + ".bulk.weights" }

// LogSubject is the subject of the commit log.
func (r RunID) LogSubject() string { return prefix + string(r) + ".log" }

// LeaseSubject is the subject of the lease.
func (r RunID) LeaseSubject() string { return prefix + string(r) + ".lease" }

// Sender returns the key below whose name the message of a worker or reducer was
// published, and which of both its holder is.
func Sender(subject string) (Key, Role) {
	names := strings.Split(subject, ".")
	switch {
	case len(names) < 5:
	case names[2] == "up" && (len(names) == 5 || len(names) == 6 && names[4] == "piece"):
		return Key(names[3]), WorkerRole
	case names[2] == "red" && (len(names) == 5 || len(names) == 6 && names[4] == "edge"):
		return Key(names[3]), ReducerRole
	}
	return "", ""
}

// Bulk reports whether a subject carries tensors or files: they travel on a
// connection of their own, so that control messages do not wait behind them.
func Bulk(subject string) bool {
	last := subject[strings.LastIndexByte(subject, '.')+1:]
	switch last {
	case "weights", "partial", "blob", "file", "report":
		return true
	}
	owner := subject[:len(subject)-len(last)]
	return strings.HasSuffix(owner, ".piece.") || strings.HasSuffix(owner, ".edge.")
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

// Plain puts dashes in the place of what no id may have.
func Plain(name string) string {
	return strings.Map(func(c rune) rune {
		if inID(c) {
			return c
		}
		return '-'
	}, name)
}

// FreshID returns an id that no other worker or reducer has: what an id takes of its host's name, and letters by chance.
func FreshID(host string) WorkerID {
	name := Plain(host)
	return WorkerID(name[:min(len(name), 40)] + "-" + strings.ToLower(rand.Text()[:8]))
}

// Validate says what is wrong with a key's name.
func (k Key) Validate() error { return checkID("key", string(k)) }

// Validate says what is wrong with a run id.
func (r RunID) Validate() error { return checkID("run id", string(r)) }

// Validate says what is wrong with a worker id.
func (w WorkerID) Validate() error { return checkID("worker id", string(w)) }
