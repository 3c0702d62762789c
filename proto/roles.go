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

// Inbox is the prefix of the subjects on which a role gets responses. Each
// role has its own, so that none can read the others' responses.
func (r Role) Inbox() string { return "_INBOX_" + string(r) }

// ProbeSubject is where a participant measures its connection: what it
// publishes there comes back to itself.
func (r Role) ProbeSubject(id string) string { return "tgprobe." + string(r) + "." + id }

// Rights are the subjects that a role may use, of all runs; * stands for one
// name and a last > for the rest. What is not listed is forbidden.
type Rights struct {
	Publish, Subscribe []string
	// Respond permits one response to each request received.
	Respond bool
}

// Rights returns what a role may do. Only the coordinator writes weights,
// tasks, the commit log, the lease and what else JetStream keeps; a worker may
// read data sets, and nothing else of that.
func (r Role) Rights() Rights {
	const run RunID = "*"
	w := Rights{
		Publish:   []string{r.ProbeSubject(">")},
		Subscribe: []string{r.ProbeSubject(">"), r.Inbox() + ".>", run.NewsSubject()},
	}
	asked := []string{run.JoinSubject(), run.DataSubject(), run.PullSubject(), run.BeatSubject(), run.BlobSubject(), run.PartialsSubject()}
	switch r {
	case CoordinatorRole:
		w.Publish = append(w.Publish, run.WeightsSubject(), run.NewsSubject(), run.LogSubject(), run.LeaseSubject(), "$JS.API.>", "$JS.ACK.>", "$KV.>", "$O.>")
		w.Subscribe = append(w.Subscribe, asked...)
		w.Respond = true
	case WorkerRole:
		w.Publish = append(append(w.Publish, asked...), "$JS.API.DIRECT.GET.OBJ_"+DataStore)
		w.Subscribe = append(w.Subscribe, run.WeightsSubject())
	}
	return w
}
