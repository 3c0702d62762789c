package natsbus_test

import (
	"strings"
	"testing"

	"github.com/tinygrow/tinygrow/proto/bus"
)

// TestErrorsShowNoCredentials dials addresses that fail in different ways.
func TestErrorsShowNoCredentials(t *testing.T) {
	for _, address := range []string{
		"nats://user:s3cr3t@127.0.0.1:1", "nats://s3cr3t@127.0.0.1:1", "nats://user:s3cr3t@127.0.0.1:port",
		"nats://user:s3cr3t%zz@127.0.0.1:1",
		"nats://user:s3cr3t@127.0.0.1:1,nats://s3cr3t@127.0.0.1:1", "http://user:s3cr3t@127.0.0.1:1", "nats://user:s3cr3t@",
		"user:s3cr3t@127.0.0.1:1",
		"nats://user:%733cr3t@127.0.0.1:x",
	} {
		b, err := bus.Open(bus.Options{URL: address, Name: "test"})
		if err == nil {
			b.Close()
			t.Errorf("%s: no error", address)
			continue
		}
		if strings.Contains(err.Error(), "3cr3t") {
			t.Errorf("%s: %v", address, err)
		}
	}
}
