package natsbus

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/tinygrow/tinygrow/proto/bus"
)

// advice says what to do when a server cannot be reached with these options.
func advice(err error, o bus.Options, now time.Time) string {
	for _, of := range []func(error, bus.Options, time.Time) string{certificateAdvice, keyAdvice, serverAdvice, networkAdvice} {
		if text := of(err, o, now); text != "" {
			return ": " + text
		}
	}
	return ""
}

// certificateAdvice is about what TLS says of the server.
func certificateAdvice(err error, o bus.Options, now time.Time) string {
	var unknown x509.UnknownAuthorityError
	var invalid x509.CertificateInvalidError
	var other x509.HostnameError
	var header tls.RecordHeaderError
	var wrong *tls.CertificateVerificationError
	switch {
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired && invalid.Cert != nil:
		return validity(invalid.Cert, now)
	case errors.As(err, &unknown) && o.CAFile == "":
		return "name the authority that signed its certificate, ca.crt of this role's directory (--ca)"
	case errors.As(err, &unknown):
		return fmt.Sprintf("another authority than that of %s signed its certificate: "+
			"take ca.crt (--ca) from the directory that tinygrow auth init made for this server", o.CAFile)
	case errors.As(err, &other) && other.Certificate != nil:
		return fmt.Sprintf("its certificate is for %s: call it so in --nats, or make one for this name too: tinygrow auth renew "+
			"DIR --host NAME",
			strings.Join(namesOf(other.Certificate), ", "))
	case errors.Is(err, nats.ErrSecureConnWanted):
		return "this server speaks no TLS: leave --ca out, or start it with the nats.conf that tinygrow auth init wrote"
	case errors.As(err, &header):
		return "what answers there speaks no TLS: look at port and scheme of --nats"
	case errors.Is(err, nats.ErrSecureConnRequired):
		return "this server wants TLS: name its authority (--ca)"
	case errors.As(err, &wrong):
		return "its certificate cannot be verified: make a new one with tinygrow auth renew"
	}
	return ""
}

// validity tells of a certificate outside of its time.
func validity(c *x509.Certificate, now time.Time) string {
	const day = "2006-01-02 15:04 MST"
	if now.Before(c.NotBefore) {
		return fmt.Sprintf("its certificate begins at %s, and the clock of this machine says %s: set the clocks",
			c.NotBefore.UTC().Format(day), now.UTC().Format(day))
	}
	return fmt.Sprintf("its certificate ended at %s (the clock of this machine says %s): "+
		"make a new one where the ca directory lies, tinygrow auth renew DIR --host NAME, and let the server read it",
		c.NotAfter.UTC().Format(day), now.UTC().Format(day))
}

// namesOf lists the names and addresses that a certificate is for.
func namesOf(c *x509.Certificate) []string {
	names := append([]string(nil), c.DNSNames...)
	for _, ip := range c.IPAddresses {
		names = append(names, ip.String())
	}
	return names
}

// keyAdvice is about who the server lets in.
func keyAdvice(err error, o bus.Options, _ time.Time) string {
	refused := errors.Is(err, nats.ErrAuthorization) || errors.Is(err, nats.ErrAuthExpired) || errors.Is(err, nats.ErrAuthRevoked)
	switch {
	case errors.Is(err, nats.ErrNkeysNotSupported):
		return "this server asks for no keys: leave --creds and --ca out, or start it with the nats.conf that tinygrow auth init wrote"
	case refused && o.SeedFile == "":
		return "it wants a key that it knows: name the seed file of this role (--creds)"
	case refused:
		return fmt.Sprintf("it does not know the key in %s: "+
			"take seed.nk from the directory that the server's own configuration was made with, or let the server read the new one",
			o.SeedFile)
	}
	return ""
}

// serverAdvice is about what answers instead of a NATS server.
func serverAdvice(err error, _ bus.Options, _ time.Time) string {
	switch {
	case errors.Is(err, nats.ErrNoInfoReceived) || strings.Contains(err.Error(), "protocol exception"):
		return "what answers there is no NATS server: look at the port of --nats (4222 unless its configuration says otherwise)"
	case errors.Is(err, nats.ErrMaxConnectionsExceeded) || errors.Is(err, nats.ErrMaxAccountConnectionsExceeded):
		return "it has as many clients as it may have: raise max_connections in its configuration"
	}
	return ""
}

// networkAdvice is about the way to the server.
func networkAdvice(err error, _ bus.Options, _ time.Time) string {
	var name *net.DNSError
	switch {
	case errors.As(err, &name) && name.IsNotFound:
		return fmt.Sprintf("no machine is called %s here: look at the name in --nats, or give the address", name.Name)
	case errors.As(err, &name):
		return "the name could not be looked up: look at this machine's name server, or give the address in --nats"
	case errors.Is(err, nats.ErrTimeout) || errors.Is(err, os.ErrDeadlineExceeded) || isTimeout(err):
		return "it does not answer: is that machine up, and does a firewall let its port through?"
	case errors.Is(err, syscall.EHOSTUNREACH) || errors.Is(err, syscall.ENETUNREACH):
		return "no way leads there from this machine: look at the address in --nats and at the network"
	case errors.Is(err, nats.ErrNoServers) || errors.Is(err, syscall.ECONNREFUSED):
		return "nothing listens there: is it running there, at that port, and for connections from other machines?"
	}
	return ""
}

// checkAuthority refuses a file that holds no certificate.
func checkAuthority(file string) error {
	raw, err := os.ReadFile(file)
	if err == nil && !x509.NewCertPool().AppendCertsFromPEM(raw) {
		err = fmt.Errorf("%s holds no certificate", file)
	}
	if err != nil {
		return fmt.Errorf("%w: the authority: %w: name the ca.crt that tinygrow auth init wrote (--ca)", bus.ErrSettings, err)
	}
	return nil
}

// checkAddresses refuses what can be no address of a NATS server.
func checkAddresses(list string) error {
	for address := range strings.SplitSeq(list, ",") {
		address = strings.TrimSpace(address)
		if !strings.Contains(address, "://") {
			address = "nats://" + address
		}
		u, err := url.Parse(address)
		if err == nil && u.Hostname() != "" && slices.Contains(schemes, u.Scheme) {
			continue
		}
		return fmt.Errorf("%w: %q is no address of a NATS server: give nats://HOST:PORT, several with commas between",
			bus.ErrSettings, bus.Redact(address))
	}
	return nil
}

func isTimeout(err error) bool {
	var t net.Error
	return errors.As(err, &t) && t.Timeout()
}
