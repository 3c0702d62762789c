package proto

// Role is what a participant is to the others. A server knows it by its key
// and permits it its own subjects.
type Role string

// The roles of a run.
const (
	CoordinatorRole Role = "coordinator"
	WorkerRole      Role = "worker"
	ViewerRole      Role = "viewer" // reads what is told to everybody
)

// Roles returns all roles.
func Roles() []Role { return []Role{CoordinatorRole, WorkerRole, ViewerRole} }

// Inbox is the prefix of the subjects on which the holder of a key gets
// responses. Each role has its own, and among workers each key, so that none can
// read the others' responses.
func (r Role) Inbox(k Key) string { return "_INBOX_" + r.own(k) }

// ProbeSubject is where a participant measures its connection: what it
// publishes there comes back to itself.
func (r Role) ProbeSubject(k Key, id string) string { return "tgprobe." + r.own(k) + "." + id }

// own is the name of a role's subjects that are not of a run.
func (r Role) own(k Key) string {
	if r == WorkerRole {
		return string(r) + "." + string(k)
	}
	return string(r)
}

// Rights are the subjects that a key may use, of all runs; * stands for one
// name and a last > for the rest. What is not listed is forbidden.
type Rights struct{ Publish, Subscribe []string }

// Rights returns what key k of a role may do. Only the coordinator writes
// weights, tasks, the commit log, the lease and what else JetStream keeps; a
// worker publishes below its own name, and nothing that JetStream listens to.
func (r Role) Rights(k Key) Rights {
	const run RunID = "*"
	w := Rights{
		Publish:   []string{r.ProbeSubject(k, ">")},
		Subscribe: []string{r.ProbeSubject(k, ">"), r.Inbox(k) + ".>", run.NewsSubject()},
	}
	switch r {
	case CoordinatorRole:
		w.Publish = append(w.Publish, run.WeightsSubject(), run.NewsSubject(), run.LogSubject(), run.LeaseSubject(),
			WorkerRole.Inbox(EveryKey)+".>", "$JS.API.>", "$JS.ACK.>", "$JS.FC.>", "$KV.>", "$O.>")
		w.Subscribe = append(w.Subscribe, run.asked(EveryKey)...)
	case WorkerRole:
		w.Publish = append(w.Publish, run.asked(k)...)
		w.Subscribe = append(w.Subscribe, run.WeightsSubject())
	}
	return w
}

// asked are the subjects on which the holder of a key speaks to the coordinator.
func (r RunID) asked(k Key) []string {
	return []string{r.JoinSubject(k), r.DataSubject(k), r.FileSubject(k), r.PullSubject(k), r.BeatSubject(k), r.BlobSubject(k),
		r.PartialSubject(k)}
}
