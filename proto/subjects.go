package proto

import (
	"fmt"
	"strings"
)

// Subjects of a run. Each role publishes below its own names, so that a server
// can permit a role its subjects and no others:
//
//	tg.RUN.join                  worker -> coordinator, request: Hello -> Welcome or Refusal
//	tg.RUN.pull                  worker -> coordinator, request: Pull -> Task and others
//	tg.RUN.beat                  worker -> coordinator: Heartbeat, Leave
//	tg.RUN.data                  worker -> coordinator, request: DataRequest -> DataOffer or Refusal
//	tg.RUN.blob                  worker -> coordinator, request: BlobRequest -> BlobChunk
//	tg.RUN.bulk.partial.WORKER   worker -> coordinator: PartialChunk
//	tg.RUN.bulk.weights          coordinator -> all workers: BlobChunk
//	tg.RUN.news                  coordinator -> everybody: News, once a second at least
//	tg.RUN.log                   coordinator -> commit log: Commit
//	tg.RUN.lease                 coordinator -> lease: Lease
const prefix = "tg."

func (r RunID) JoinSubject() string    { return prefix + string(r) + ".join" }
func (r RunID) DataSubject() string    { return prefix + string(r) + ".data" }
func (r RunID) PullSubject() string    { return prefix + string(r) + ".pull" }
func (r RunID) BeatSubject() string    { return prefix + string(r) + ".beat" }
func (r RunID) BlobSubject() string    { return prefix + string(r) + ".blob" }
func (r RunID) NewsSubject() string    { return prefix + string(r) + ".news" }
func (r RunID) WeightsSubject() string { return prefix + string(r) + ".bulk.weights" }
func (r RunID) LogSubject() string     { return prefix + string(r) + ".log" }
func (r RunID) LeaseSubject() string   { return prefix + string(r) + ".lease" }

// PartialSubject returns where worker w publishes its partials.
func (r RunID) PartialSubject(w WorkerID) string {
	return prefix + string(r) + ".bulk.partial." + string(w)
}

// PartialsSubject matches the partials of all workers.
func (r RunID) PartialsSubject() string { return prefix + string(r) + ".bulk.partial.*" }

// Bulk reports whether a subject carries tensors: they travel on a connection
// of their own, so that control messages do not wait behind them.
func Bulk(subject string) bool {
	return strings.Contains(subject, ".bulk.") || strings.HasSuffix(subject, ".blob")
}

// DataStore holds the data sets of all runs for workers that have none.
const DataStore = "tinygrow-data"

const maxID = 64

// checkID says what is wrong with a name that becomes part of a subject.
func checkID(what, id string) error {
	if id == "" || len(id) > maxID {
		return fmt.Errorf("%s %.80q: must have 1 to %d characters", what, id, maxID)
	}
	for _, c := range id {
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_') {
			return fmt.Errorf("%s %q: only letters, digits, - and _ may stand in it", what, id)
		}
	}
	return nil
}

// Validate says what is wrong with a run id.
func (r RunID) Validate() error { return checkID("run id", string(r)) }

// Validate says what is wrong with a worker id.
func (w WorkerID) Validate() error { return checkID("worker id", string(w)) }
