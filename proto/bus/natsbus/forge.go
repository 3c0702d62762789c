package natsbus

// Forge publishes a request whose responses go to whatever subject the caller
// names: what a hostile participant does, for those who test that it gets nowhere.
func (b *Bus) Forge(subject, reply string, data []byte) error {
	return wrap(b.link(subject).current().PublishRequest(subject, reply, data))
}
