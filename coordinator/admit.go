package coordinator

import (
	"fmt"

	"github.com/tinygrow/tinygrow/coordinator/plan"
	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/proto/bus"
	"github.com/tinygrow/tinygrow/tensor/nn"
)

// join admits a worker or says why not.
func (s *server) join(now plan.Time, h *proto.Hello, m *bus.Message) error {
	who := Member{h.Worker, h.Host, h.Threads, h.Program}
	if why, text := s.objection(now, h); why != "" {
		if why != proto.NotYet && s.talk.allowed(h.Worker) {
			s.events.Refused(who, text)
		}
		reply(m, &proto.Refusal{Head: s.head(), Why: why, Text: text})
		return nil
	}
	s.partials.admit(h.Worker)
	s.sender.admit(h.Worker)
	seq := s.pulls[h.Worker].seq
	if s.core.plan.Stranger(h.Worker, h.Nonce) {
		seq = 0 // another process counts by another clock
	}
	s.pulls[h.Worker] = pending{seq: seq}
	reply(m, &proto.Welcome{Head: s.head(), Threads: h.Threads, Heartbeat: s.job.Config.Cluster.LostAfter / 4})
	s.hosts[h.Worker] = h.Host
	s.events.Joined(who)
	return s.core.handle(now, plan.Join{Worker: h.Worker, Nonce: h.Nonce, Threads: h.Threads, Host: h.Host, Shared: h.Shared}, proto.Sums{})
}

// objection is the reason not to admit a worker, empty for none, in a word and
// in words for people.
func (s *server) objection(now plan.Time, h *proto.Hello) (why proto.Why, text string) {
	workers, _ := s.core.plan.Workers()
	_, member := s.hosts[h.Worker]
	claim := s.core.plan.Claims(now, h.Worker, h.Nonce)
	switch {
	case h.Data != s.job.Data.Digest:
		return proto.OtherData,
			fmt.Sprintf("the worker has another data set (digest %.16s) than the run (%.16s): give both the same --data, --data-dir "+
				"and --limit", h.Data, s.job.Data.Digest)
	case h.Fingerprint != nn.Fingerprint():
		return proto.OtherArithmetic,
			fmt.Sprintf("the worker's arithmetic gives other bits (fingerprint %.16s) than the coordinator's (%.16s): use the same "+
				"build on both", h.Fingerprint, nn.Fingerprint())
	case h.StandIn && !s.standIn():
		return proto.OtherStandIn, "the worker stands in and the run is to be trained: give worker.stand_in to both or to neither"
	case !h.StandIn && s.standIn():
		return proto.OtherStandIn, "the worker computes and the run is one of stand-ins: give worker.stand_in to both or to neither"
	case s.core.plan.Quarantined(h.Worker) != "":
		return proto.QuarantineWorker,
			fmt.Sprintf("worker %s is in quarantine: %s: this machine computes wrongly, so look at its memory and processor (tinygrow "+
				"doctor) before it works again", h.Worker, s.core.plan.Quarantined(h.Worker))
	case claim == plan.Taken:
		return proto.TakenID, fmt.Sprintf("a worker called %s is at work already, on host %q: give this one an id of its own "+
			"(worker.id), or none", h.Worker, s.hosts[h.Worker])
	case claim == plan.Unclear:
		return proto.NotYet, fmt.Sprintf("a worker called %s was at work a moment ago; this one takes its place if it is silent", h.Worker)
	case !member && s.idsOf(h.Worker.Key()) >= s.job.Config.Cluster.IDsPerKey && h.Worker.Key() != proto.Anybody:
		return proto.TooManyWorkers,
			fmt.Sprintf("key %s has %d workers here already, cluster.ids_per_key allows no more: give each machine a key of its own "+
				"(tinygrow auth add), or raise it", h.Worker.Key(), s.idsOf(h.Worker.Key()))
	case workers >= s.job.Config.Cluster.MaxWorkers && !member:
		return proto.TooManyWorkers, fmt.Sprintf("%d workers are here, max_workers allows no more", workers)
	}
	return "", ""
}

// standIn reports whether the run's workers compute nothing.
func (s *server) standIn() bool { return s.job.Data.standIn() }

// idsOf returns how many members joined with a key.
func (s *server) idsOf(k proto.Key) int {
	n := 0
	for w := range s.hosts {
		if w.Key() == k {
			n++
		}
	}
	return n
}
