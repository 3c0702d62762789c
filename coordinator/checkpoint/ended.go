package checkpoint

import (
	"encoding/json"
	"errors"
	"io/fs"
	"path/filepath"
	"time"

	"github.com/tinygrow/tinygrow/proto/file"
)

// endedFile says how the process that worked on the run last ended.
const endedFile = ".ended"

// maxEnded bounds that file, in bytes, and maxFault the reason in it.
const (
	maxEnded = 64 << 10
	maxFault = 4 << 10
)

// Ended is how the process that worked on a run last ended, or that it is at work.
type Ended struct {
	Host string    `json:"host"`
	PID  int       `json:"pid"`
	At   time.Time `json:"at"`
	// Fault is the error that ended it; empty: it ended in order, or did not end.
	Fault string `json:"fault,omitempty"`
}

// CloseWith closes d, and notes why the run ended early if err is not nil. It returns
// err with what closing added to it.
func (d *Dir) CloseWith(err error) error {
	if err != nil {
		d.fault = err.Error()
		d.fault = d.fault[:min(len(d.fault), maxFault)]
	}
	return errors.Join(err, d.Close())
}

// killed is the fault of a process that ended without a word.
const killed = "its process was killed, or its machine stopped"

// noteEnd writes down that this process leaves the run. What cannot be written is
// missed in lists alone.
func (d *Dir) noteEnd() {
	text, err := json.Marshal(Ended{Host: d.claim.me.Host, PID: d.claim.me.PID, At: time.Now().UTC().Truncate(time.Second), Fault: d.fault})
	if err == nil {
		_ = d.disk.replaceFile(filepath.Join(d.path, endedFile), append(text, '\n'))
	}
}

// LastEnd returns how the process that worked on the run in path last ended. Of one
// that is at work host and process are told; of a run that nobody noted the end of,
// nothing.
func LastEnd(path string) Ended {
	if o, err := readOwner(filepath.Join(path, ownerFile)); err == nil {
		return gone(path, Ended{Host: o.Host, PID: o.PID})
	} else if !errors.Is(err, fs.ErrNotExist) {
		return gone(path, Ended{}) // cut short
	}
	var e Ended
	text, err := file.Read(filepath.Join(path, endedFile), maxEnded)
	if err != nil || json.Unmarshal(text, &e) != nil {
		return Ended{}
	}
	return e
}

// gone adds to the owner of a run that it ended without a word, if nobody is at work.
func gone(path string, e Ended) Ended {
	if !Active(path) {
		e.Fault = killed
	}
	return e
}
