package proto

import "strings"

// Key names the holder of one key of the NATS server, which permits each key to
// publish below its own name only. So what a subject says of a sender is true,
// whatever the message says.
type Key string

const (
	// Anybody is the key of all workers of a server that tells them not apart,
	// and of those in the coordinator's own process.
	Anybody Key = "anybody"
	// EveryKey stands for all keys in subscriptions and rights.
	EveryKey Key = "*"
)

// keyLength is how much of a public nkey tells it from others: 72 bits.
const keyLength = 16

// KeyOfNkey returns the name of who signs with the nkey of that public key.
func KeyOfNkey(public string) Key { return Key(public[:min(len(public), keyLength)]) }

// KeyOfUser returns the name of who logs in under a user name.
func KeyOfUser(user string) Key {
	if user == "" {
		return Anybody
	}
	name := strings.Map(func(r rune) rune {
		if !inID(r) {
			return '-'
		}
		return r
	}, user)
	return Key(name[:min(len(name), maxID)])
}

// Worker returns how the coordinator calls the worker that goes by id with this
// key. Ids of different keys never meet: who forges a name makes a new one.
func (k Key) Worker(id WorkerID) WorkerID {
	if k == Anybody {
		return id
	}
	return WorkerID(k) + "." + id
}

// Key returns the key that a worker joined with.
func (w WorkerID) Key() Key {
	if key, _, ok := strings.Cut(string(w), "."); ok {
		return Key(key)
	}
	return Anybody
}

// Owns reports whether what is sent to a reply subject reaches nobody but the
// holder of k, a key of role r. Others would make whoever answers write with rights of its own.
func (k Key) Owns(r Role, reply string) bool {
	rest, below := strings.CutPrefix(reply, r.Inbox(k)+".")
	return below && rest != ""
}
