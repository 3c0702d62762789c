package auth_test

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nkeys"
)

// raw speaks the NATS protocol line by line, to see each refusal where it happens.
type raw struct {
	conn net.Conn
	in   *bufio.Reader
	sids int
}

// dialing are the particulars of a connection.
type dialing struct {
	addr, authority string
	seed            []byte // nil: no key
	plain           bool   // no TLS
	maxTLS          uint16
}

// dial connects, or returns what the server objects to.
func dial(t *testing.T, d dialing) (*raw, error) {
	t.Helper()
	conn, err := net.Dial("tcp", d.addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(30 * time.Second))
	c := &raw{conn: conn, in: bufio.NewReader(conn)}
	line, err := c.in.ReadString('\n')
	if err != nil {
		return nil, err
	}
	var info struct {
		Nonce       string `json:"nonce"`
		TLSRequired bool   `json:"tls_required"`
	}
	if err := json.Unmarshal([]byte(strings.TrimPrefix(line, "INFO ")), &info); err != nil {
		t.Fatalf("%q: %v", line, err)
	}
	if !info.TLSRequired {
		t.Error("the server does not ask for TLS")
	}
	if !d.plain {
		pem, err := os.ReadFile(d.authority)
		if err != nil {
			t.Fatal(err)
		}
		roots := x509.NewCertPool()
		roots.AppendCertsFromPEM(pem)
		secure := tls.Client(conn, &tls.Config{RootCAs: roots, ServerName: "127.0.0.1", MaxVersion: d.maxTLS})
		if err := secure.Handshake(); err != nil {
			return nil, err
		}
		c.conn, c.in = secure, bufio.NewReader(secure)
	}
	hello := map[string]any{"verbose": false, "pedantic": false, "protocol": 1, "headers": true, "lang": "test", "version": "0"}
	if d.seed != nil {
		pair, err := nkeys.FromSeed(d.seed)
		if err != nil {
			t.Fatal(err)
		}
		signature, err := pair.Sign([]byte(info.Nonce))
		if err != nil {
			t.Fatal(err)
		}
		hello["nkey"], _ = pair.PublicKey()
		hello["sig"] = base64.RawURLEncoding.EncodeToString(signature)
	}
	text, err := json.Marshal(hello)
	if err != nil {
		t.Fatal(err)
	}
	return c, c.say("CONNECT %s", text)
}

// say sends one line and returns the error that the server answers with, or nil.
func (c *raw) say(format string, args ...any) error {
	if _, err := fmt.Fprintf(c.conn, format+"\r\nPING\r\n", args...); err != nil {
		return err
	}
	var refused error
	for {
		line, err := c.in.ReadString('\n')
		if err != nil {
			return errors.Join(refused, err)
		}
		switch {
		case strings.HasPrefix(line, "-ERR"):
			refused = errors.New(strings.TrimSpace(line))
		case strings.HasPrefix(line, "PONG"):
			return refused
		}
	}
}

func (c *raw) publish(subject string) error { return c.say("PUB %s 2\r\nhi", subject) }

func (c *raw) subscribe(subject string) error {
	c.sids++
	return c.say("SUB %s %d", subject, c.sids)
}
