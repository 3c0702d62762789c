package run

import (
	"cmp"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/tinygrow/tinygrow/proto"
)

// Name fills in the id of the run and its directory, each from the other; a run
// with neither gets a new id.
func (s *Settings) Name() {
	if s.RunDir == "" {
		if s.Run == "" {
			s.Run = freshID(s, time.Now())
		}
		s.RunDir = filepath.Join("runs", s.Run)
	}
	if s.Run == "" {
		s.Run = idOf(s.RunDir)
	}
}

// freshID names a run for people, and by a random part apart from one that begins
// in the same second, here or elsewhere.
func freshID(s *Settings, now time.Time) string {
	model := s.Model.Name
	if s.Model.Text != "" {
		model = strings.TrimSuffix(filepath.Base(model), filepath.Ext(model))
		model = strings.Trim(proto.Plain(model[:min(len(model), readable)]), "-")
	}
	return fmt.Sprintf("%s-%s-%s-%s", s.Data.Name, cmp.Or(model, "net"), now.Format("20060102-150405"), strings.ToLower(rand.Text()[:6]))
}

// readable is how much of a directory's name stays in an id that has a hash.
const readable = 40

// idOf makes a run id of a directory: its name, or where that cannot be an id,
// what of it can, and a hash of the whole path. So directories of different
// names have different ids.
func idOf(dir string) string {
	if abs, err := filepath.Abs(dir); err == nil {
		dir = abs
	}
	name := filepath.Base(dir)
	if !strings.HasPrefix(name, "-") && proto.RunID(name).Validate() == nil {
		return name
	}
	id := proto.Plain(name)
	id = strings.Trim(id[:min(len(id), readable)], "-")
	sum := sha256.Sum256([]byte(dir))
	return fmt.Sprintf("%s-%x", cmp.Or(id, "run"), sum[:6])
}
