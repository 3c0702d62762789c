package natsbus

import (
	"fmt"
	"net/url"
	"os"
	"strings"

	"github.com/nats-io/nkeys"

	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/proto/bus"
)

// key returns what the holder of options is called: by the public half of
// its nkey, or else by its user name. A server that is told neither takes all
// for the same.
func key(o bus.Options) (proto.Key, error) {
	if o.SeedFile != "" {
		public, err := publicKey(o.SeedFile)
		if err != nil {
			return "", fmt.Errorf("%w: read the key %s: %w", bus.ErrSettings, o.SeedFile, err)
		}
		return proto.KeyOfNkey(public), nil
	}
	first, _, _ := strings.Cut(o.URL, ",")
	u, err := url.Parse(strings.TrimSpace(first))
	if err != nil {
		return proto.Anybody, nil // Dial says what is wrong with it
	}
	if _, both := u.User.Password(); !both {
		return proto.Anybody, nil // a token names nobody
	}
	return proto.KeyOfUser(u.User.Username()), nil
}

func publicKey(file string) (string, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	defer clear(text)
	pair, err := nkeys.ParseDecoratedNKey(text)
	if err != nil {
		return "", err
	}
	defer pair.Wipe()
	return pair.PublicKey()
}
