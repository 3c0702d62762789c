package proto

// Role is what a participant is to the others. A server knows it by its key
// and permits it its own subjects.
type Role string

// The roles of a run.
const (
	CoordinatorRole Role = "coordinator"
	WorkerRole      Role = "worker"
	ReducerRole     Role = "reducer" // owns ranges of the parameters
	ViewerRole      Role = "viewer"  // reads what is told to everybody
)

// Roles returns all roles.
func Roles() []Role { return []Role{CoordinatorRole, WorkerRole, ReducerRole, ViewerRole} }

// Inbox is the prefix of the subjects on which the holder of a key gets
// responses. Each role has its own, and among workers and reducers each key, so that none can
// read the others' responses.
func (r Role) Inbox(k Key) string { return "_INBOX_" + r.own(k) }

// ProbeSubject is where a participant measures its connection: what it
// publishes there comes back to itself.
func (r Role) ProbeSubject(k Key, id string) string { return "tgprobe." + r.own(k) + "." + id }

// own is the name of a role's subjects that are not of a run.
func (r Role) own(k Key) string {
	if r == WorkerRole || r == ReducerRole {
		return string(r) + "." + string(k)
	}
	return string(r)
}

// Rights are the subjects that a key may use, of all runs; * stands for one
// name and a last > for the rest. What is not listed is forbidden.
type Rights struct{ Publish, Subscribe []string }

// Rights returns what key k of a role may do. Only the coordinator writes
// tasks, the commit log, the lease and what else JetStream keeps; weights are written by
// it and by reducers, who read the pieces of all workers. A worker publishes below its own
// name, and nothing that JetStream listens to.
func (r Role) Rights(k Key) Rights {
	const run RunID = "*"
	w := Rights{
		Publish:   []string{r.ProbeSubject(k, ">")},
		Subscribe: []string{r.ProbeSubject(k, ">"), r.Inbox(k) + ".>", run.NewsSubject()},
	}
	switch r {
	case CoordinatorRole:
		w.Publish = append(w.Publish, run.WeightsSubject(), run.NewsSubject(), run.LogSubject(), run.LeaseSubject(),
			run.DutySubject(), WorkerRole.Inbox(EveryKey)+".>", ReducerRole.Inbox(EveryKey)+".>", "$JS.API.>", "$JS.ACK.>", "$JS.FC.>",
			"$KV.>", "$O.>")
		w.Subscribe = append(append(w.Subscribe, run.asked(EveryKey)...), run.reported(EveryKey)...)
	case WorkerRole:
		w.Publish = append(append(w.Publish, run.asked(k)...), run.up(k, "piece.*"))
		w.Subscribe = append(w.Subscribe, run.WeightsSubject())
	case ReducerRole:
		w.Publish = append(append(w.Publish, run.reported(k)...), run.reducer(k, "edge.*"), run.WeightsSubject(),
			WorkerRole.Inbox(EveryKey)+".>")
		w.Subscribe = append(w.Subscribe, run.DutySubject(), run.up(EveryKey, "piece.*"), run.reducer(EveryKey, "edge.*"),
			run.BlobSubject(EveryKey))
	}
	return w
}

// asked are the subjects on which the holder of a key speaks to the coordinator.
func (r RunID) asked(k Key) []string {
	return []string{r.JoinSubject(k), r.DataSubject(k), r.FileSubject(k), r.PullSubject(k), r.BeatSubject(k), r.BlobSubject(k),
		r.PartialSubject(k)}
}

// reported are the subjects on which a reducer of key k speaks to the coordinator.
func (r RunID) reported(k Key) []string {
	return []string{r.ReducerJoinSubject(k), r.ReducerBeatSubject(k), r.ReducerBlobSubject(k), r.ReceiptSubject(k), r.ReportSubject(k)}
}
