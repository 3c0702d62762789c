package coordinator

import (
	"fmt"
	"time"

	"github.com/tinygrow/tinygrow/coordinator/plan"
	"github.com/tinygrow/tinygrow/proto"
)

// What the workers of one key may ask for. An honest worker has one request of a
// kind on its way at a time and gives a few signs of life, so that no number of
// honest ones that a key may have waits for its turn because of these limits.
const (
	// spoken is how many messages a second a worker sends that nobody asked for,
	// besides its signs of life, and backlog how many of it may wait at once.
	spoken  = 2
	backlog = 8
	// asked is how many messages belong to a block: the next pull, and signs of
	// life about weights on their way, one each report bytes.
	asked  = 4
	report = 4 << 20
	// pieces of tensors and files a second, of half a megabyte each.
	pieceRate = 400
)

// ids bounds the workers of a key.
func (c Cluster) ids(k proto.Key) int {
	if k == proto.Anybody {
		return c.MaxWorkers
	}
	return min(c.IDsPerKey, c.MaxWorkers)
}

// control is the limit of what the workers of a key say.
func (c Cluster) control(k proto.Key) limit {
	n := float64(c.ids(k))
	return limit{rate: float64(n * (spoken + 4/c.LostAfter.Seconds())), burst: float64(n * backlog), depth: int(n * backlog)}
}

// bulk is the limit of the pieces that the workers of a key ask for.
func (c Cluster) bulk(k proto.Key) limit {
	return limit{rate: pieceRate, burst: pieceRate / 4, depth: c.ids(k) * 8}
}

// granted is what a worker may say because it was given a block.
func (s *server) granted(w proto.WorkerID) {
	s.desk.grant(w.Key(), asked+int(s.core.offer.weights.ref.Size/report))
}

// talk bounds the lines about the workers of a key: so many in a period pass, and
// how many more there were is told after it.
type talk struct {
	since plan.Time
	lines map[proto.Key]int
	told  plan.Time // time of the last line about what was dropped
}

const (
	maxLines = 60
	period   = time.Minute
)

// allowed reports whether one more line about a worker may be told.
func (t *talk) allowed(w proto.WorkerID) bool {
	if t.lines == nil {
		t.lines = map[proto.Key]int{}
	}
	if _, known := t.lines[w.Key()]; !known && len(t.lines) >= maxKeys {
		return false
	}
	t.lines[w.Key()]++
	return t.lines[w.Key()] <= maxLines
}

// left returns how many lines were left out in the period that ended, and of how
// many keys; nothing before its end.
func (t *talk) left(now plan.Time) (lines, keys int) {
	if now-t.since < period {
		return 0, 0
	}
	for _, n := range t.lines {
		if n > maxLines {
			lines, keys = lines+n-maxLines, keys+1
		}
	}
	t.since, t.lines = now, nil
	return lines, keys
}

// sumUp tells once a period what was left out and dropped.
func (s *server) sumUp(now plan.Time) {
	if lines, keys := s.talk.left(now); lines > 0 {
		s.events.Trouble(fmt.Sprintf("%d more lines about workers of %d keys were left out in the last minute", lines, keys))
	}
	if now-s.talk.told < period {
		return
	}
	s.talk.told = now
	for _, of := range []struct {
		what string
		desk *desk
	}{{"messages", s.desk}, {"requests for tensors", s.blobs}, {"requests for the data set", s.files}} {
		if c := of.desk.complain(); c.from > 0 {
			s.events.Trouble(fmt.Sprintf("%d %s were dropped in the last minute because they came too fast, %d of them with the key %s: "+
				"if its holder is no friend, take the key away (tinygrow auth)", c.from, of.what, c.of, c.worst))
		}
	}
}
