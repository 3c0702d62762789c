package natsbus

import "github.com/tinygrow/tinygrow/proto/bus"

// Forge publishes the data of a request whose responses go to whatever subject its
// Reply names: what a hostile participant does, for those who test that it gets nowhere.
func (b *Bus) Forge(m bus.Message) error {
	return wrap(b.link(m.Subject).current().PublishRequest(m.Subject, m.Reply, m.Data))
}
