package bus_test

import (
	"testing"

	"github.com/tinygrow/tinygrow/proto/bus"
)

func TestCredentialsOfAddressesAreNotShown(t *testing.T) {
	for list, want := range map[string][2]string{ // redacted, bare
		"nats://host:4222":                 {"nats://host:4222", "nats://host:4222"},
		"nats://user:pass@host:4222":       {"nats://xxxxx@host:4222", "nats://host:4222"},
		"nats://token@host":                {"nats://xxxxx@host", "nats://host"},
		"tls://a:b@h1:1, nats://t@h2:2,h3": {"tls://xxxxx@h1:1, nats://xxxxx@h2:2,h3", "tls://h1:1, nats://h2:2,h3"},
		"user:pass@host:4222":              {"xxxxx@host:4222", "host:4222"},
		"nats://user:p@ss/wo?rd#@host":     {"nats://xxxxx@host", "nats://host"},
		"nats://user:%zz@host:port":        {"nats://xxxxx@host:port", "nats://host:port"},
		"":                                 {"", ""},
		"nats://[::1]:4222,nats://u:p@[fe80::1]:42": {"nats://[::1]:4222,nats://xxxxx@[fe80::1]:42",
			"nats://[::1]:4222,nats://[fe80::1]:42"},
	} {
		if got := [2]string{bus.Redact(list), bus.Bare(list)}; got != want {
			t.Errorf("%s: %s, want %s", list, got, want)
		}
	}
}
