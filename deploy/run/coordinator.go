package run

import (
	"errors"

	"github.com/tinygrow/tinygrow/coordinator/checkpoint"
)

// Check returns what would keep a coordinator from running, but for the server.
func (s *Settings) Check(resumed bool) error {
	if _, _, err := s.openData(); err != nil {
		return err
	}
	if !resumed {
		return nil
	}
	_, err := checkpoint.Latest(s.RunDir)
	if errors.Is(err, checkpoint.ErrNoCheckpoint) {
		return nil // the run begins anew
	}
	return err
}

// Coordinator returns the settings of a new run or, if how allows to take one up
// and it is there already, of the run in the directory. A run that others may be
// leading is not extended.
func (g Given) Coordinator(how Start) (out Settings, resume bool, err error) {
	named := Defaults()
	_ = g.lay(&named) // its faults are told with all others
	if named.Run != "" || named.RunDir != "" {
		named.Name()
	}
	allowed := Extending
	if how.Standby {
		allowed = Nothing
	}
	if resume = (how.Resume || how.Standby) && named.RunDir != "" && holdsRun(named.RunDir); resume {
		out, err = g.ReadRun(named.RunDir, allowed)
	} else {
		out, err = g.Resolve(Defaults())
	}
	if err != nil {
		return out, resume, err
	}
	if out.Run == "" && out.RunDir == "" {
		return out, resume, usagef("coordinator needs a name that workers can give: --run ID or --run-dir DIR")
	}
	out.Name()
	return out, resume, out.needNATS("coordinator")
}

// needNATS refuses to go on without the address of a server.
func (p *Place) needNATS(command string) error {
	if p.NATS.URL == "" {
		return usagef("%s needs a NATS server: --nats nats://host:4222 (tinygrow train needs none)", command)
	}
	return nil
}
