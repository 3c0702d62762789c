package natsbus

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/tinygrow/tinygrow/proto/bus"
)

// Each way in which a server cannot be reached has advice of its own.
func TestAdviceFitsTheFault(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	failed := func(err error) error { return &tls.CertificateVerificationError{Err: err} }
	late := &x509.Certificate{NotBefore: now.AddDate(-2, 0, 0), NotAfter: now.AddDate(-1, 0, 0)}
	early := &x509.Certificate{NotBefore: now.AddDate(1, 0, 0), NotAfter: now.AddDate(2, 0, 0)}
	named := &x509.Certificate{DNSNames: []string{"a.example.org"}, IPAddresses: []net.IP{net.IPv4(10, 0, 0, 5)}}
	for _, c := range []struct {
		err  error
		o    bus.Options
		want string
	}{
		{failed(x509.UnknownAuthorityError{}), bus.Options{}, "(--ca)"},
		{failed(x509.UnknownAuthorityError{}), bus.Options{CAFile: "x.crt"}, "another authority than that of x.crt"},
		{failed(x509.CertificateInvalidError{Cert: late, Reason: x509.Expired}), bus.Options{CAFile: "x.crt"},
			"ended at 2025-03-01 12:00 UTC"},
		{failed(x509.CertificateInvalidError{Cert: early, Reason: x509.Expired}), bus.Options{},
			"begins at 2027-03-01 12:00 UTC, and the clock of this machine says 2026-03-01"},
		{failed(x509.HostnameError{Certificate: named, Host: "b"}), bus.Options{}, "is for a.example.org, 10.0.0.5"},
		{failed(errors.New("odd")), bus.Options{}, "cannot be verified"},
		{nats.ErrSecureConnWanted, bus.Options{CAFile: "x.crt"}, "speaks no TLS"},
		{tls.RecordHeaderError{Msg: "first record does not look like a TLS handshake"}, bus.Options{}, "speaks no TLS"},
		{nats.ErrAuthorization, bus.Options{}, "(--creds)"},
		{nats.ErrAuthorization, bus.Options{SeedFile: "seed.nk"}, "does not know the key in seed.nk"},
		{nats.ErrNkeysNotSupported, bus.Options{SeedFile: "seed.nk"}, "asks for no keys"},
		{nats.ErrNoInfoReceived, bus.Options{}, "is no NATS server"},
		{&net.DNSError{Name: "nohost", IsNotFound: true}, bus.Options{}, "no machine is called nohost"},
		{&net.DNSError{Name: "nohost", IsTimeout: true}, bus.Options{}, "name server"},
		{&net.OpError{Op: "dial", Err: os.ErrDeadlineExceeded}, bus.Options{}, "does not answer"},
		{context.DeadlineExceeded, bus.Options{}, "does not answer"},
		{&net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.EHOSTUNREACH)}, bus.Options{}, "no way leads there"},
		{nats.ErrNoServers, bus.Options{}, "nothing listens there"},
	} {
		if got := advice(fmt.Errorf("nats: %w", c.err), c.o, now); !strings.Contains(got, c.want) {
			t.Errorf("%v: does not say %q: %q", c.err, c.want, got)
		}
	}
}

// What no server can be reached with is a fault of the settings.
func TestDialRefusesSettings(t *testing.T) {
	junk := filepath.Join(t.TempDir(), "junk")
	if err := os.WriteFile(junk, []byte("junk"), 0o600); err != nil {
		t.Fatal(err)
	}
	for want, o := range map[string]bus.Options{
		"holds no certificate": {URL: "nats://127.0.0.1:1", CAFile: junk},
		"no such file":         {URL: "nats://127.0.0.1:1", CAFile: junk + "x"},
		"read the key":         {URL: "nats://127.0.0.1:1", SeedFile: junk},
		`"http://127.0.0.1:1"`: {URL: "http://127.0.0.1:1"},
		`"nats://127.0.0.1:x"`: {URL: "nats://127.0.0.1:x"},
		`"nats://:4222"`:       {URL: "127.0.0.1:1,:4222"},
		`"nats://xxxxx@a b:4"`: {URL: "nats://me:secret@a b:4"},
	} {
		if b, err := Dial(o); err == nil {
			b.Close()
			t.Errorf("%+v: no error", o)
		} else if !errors.Is(err, bus.ErrSettings) || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: does not say %q: %v", o, want, err)
		}
	}
}

// What answers and is no NATS server is named as such.
func TestDialOfAnotherProgram(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			fmt.Fprint(c, "HTTP/1.1 400 Bad Request\r\n\r\n")
			c.Close()
		}
	}()
	_, err = Dial(bus.Options{URL: "nats://" + l.Addr().String()})
	if !errors.Is(err, bus.ErrUnreachable) || !strings.Contains(err.Error(), "is no NATS server") {
		t.Errorf("%v", err)
	}
}
