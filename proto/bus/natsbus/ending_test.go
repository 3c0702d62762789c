package natsbus_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nkeys"

	"github.com/tinygrow/tinygrow/proto/bus"
	"github.com/tinygrow/tinygrow/proto/bus/natsserver"
)

// proxy stands between clients and a server, and can say something to a client
// in the server's name.
type proxy struct {
	listener net.Listener
	group    sync.WaitGroup
	mu       sync.Mutex
	conns    []net.Conn // to clients, in the order in which they came
	kinds    []string   // that the names of the clients end with
}

func startProxy(t *testing.T, server string) *proxy {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{listener: l}
	p.group.Go(func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			p.group.Go(func() { p.serve(client, strings.TrimPrefix(server, "nats://")) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		p.mu.Lock()
		for _, c := range p.conns {
			c.Close()
		}
		p.mu.Unlock()
		p.group.Wait()
	})
	return p
}

func (p *proxy) serve(client net.Conn, server string) {
	defer client.Close()
	behind, err := net.Dial("tcp", server)
	if err != nil {
		return
	}
	defer behind.Close()
	var there sync.WaitGroup
	there.Go(func() { io.Copy(client, behind); client.Close() })
	first := make([]byte, 4096)
	n, err := client.Read(first)
	if err == nil {
		p.mu.Lock()
		p.conns = append(p.conns, client)
		kind := "bulk"
		if bytes.Contains(first[:n], []byte(" control")) {
			kind = "control"
		}
		p.kinds = append(p.kinds, kind)
		p.mu.Unlock()
		behind.Write(first[:n])
		io.Copy(behind, client)
	}
	behind.Close()
	there.Wait()
}

// say sends a line to the newest client of a kind.
func (p *proxy) say(t *testing.T, kind, line string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := len(p.conns) - 1; i >= 0; i-- {
		if p.kinds[i] == kind {
			fmt.Fprintf(p.conns[i], "%s\r\n", line)
			return
		}
	}
	t.Fatalf("no connection %s", kind)
}

// TestNoEndingOfAConnectionIsForGood says each error of the protocol to one
// connection: the client library closes it for good after most of them.
func TestNoEndingOfAConnectionIsForGood(t *testing.T) {
	errs := []string{
		"Authorization Violation", "User Authentication Expired", "User Authentication Revoked", "Account Authentication Expired",
		"Maximum Connections Exceeded", "Maximum Account Active Connections Exceeded", "Maximum Payload Violation", "Slow Consumer",
		"Unknown Protocol Operation", "Parser Error", "Secure Connection - TLS Required", "Stale Connection", "Server Shutdown",
		"Anything Else",
	}
	s, err := natsserver.Start(natsserver.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	for _, kind := range []string{"control", "bulk"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			p := startProxy(t, s.URL())
			b, err := bus.Open(bus.Options{URL: "nats://" + p.listener.Addr().String(), Name: "test",
				Bulk: func(s string) bool { return strings.HasPrefix(s, "bulk") }})
			if err != nil {
				t.Fatal(err)
			}
			defer b.Close()
			echo(t, b, kind+".echo")
			for _, text := range errs {
				p.say(t, kind, "-ERR '"+text+"'")
				comesBack(t, b, kind+".echo", text)
			}
		})
	}
}

// echo answers requests on a subject with what they hold.
func echo(t *testing.T, b bus.Bus, subject string) {
	t.Helper()
	if _, err := b.Subscribe(subject, func(m *bus.Message) { m.Respond(m.Data) }); err != nil {
		t.Fatal(err)
	}
}

// comesBack waits until echo answers over b.
func comesBack(t *testing.T, b bus.Bus, subject, after string) {
	t.Helper()
	began := time.Now()
	for {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second) // a request may be lost with its connection
		answer, err := b.Request(ctx, subject, []byte(after))
		cancel()
		if err == nil && string(answer) == after {
			return
		}
		if time.Since(began) > time.Minute {
			t.Fatalf("a minute after %s: %v", after, err)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// secured starts a server on addr's port that knows the given keys.
func secured(t *testing.T, port int, users string, store string) *natsserver.Server {
	t.Helper()
	config := filepath.Join(t.TempDir(), "nats.conf")
	if err := os.WriteFile(config, []byte("authorization { users = ["+users+"] }\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := natsserver.Start(natsserver.Options{Port: port, Config: config, StoreDir: store})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func freePort(t *testing.T) int {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// key makes a key and returns its public half and the file of its seed.
func key(t *testing.T, file string) (public string) {
	t.Helper()
	pair, err := nkeys.CreateUser()
	if err != nil {
		t.Fatal(err)
	}
	seed, err := pair.Seed()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, append(seed, '\n'), 0o600); err != nil {
		t.Fatal(err)
	}
	if public, err = pair.PublicKey(); err != nil {
		t.Fatal(err)
	}
	return public
}

// TestRefusedKeysAreNotForGood restarts a server with other keys until the
// client library has given up, then with the right ones.
func TestRefusedKeysAreNotForGood(t *testing.T) {
	port, store := freePort(t), t.TempDir()
	const right, other = `{user: tg, password: "right"}`, `{user: tg, password: "other"}`
	s := secured(t, port, right, store)
	var log lines
	b, err := bus.Open(bus.Options{URL: fmt.Sprintf("nats://tg:right@127.0.0.1:%d", port), Name: "test",
		Bulk: func(s string) bool { return s == "bulk" || strings.HasPrefix(s, "$JS.API.OBJ") }, Log: log.logger()})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	echo(t, b, "bulk")
	echo(t, b, "control")
	commits, err := b.OpenLog(soon(t), bus.LogOptions{Name: "l", Subject: "log"})
	if err != nil {
		t.Fatal(err)
	}
	objects, err := b.OpenObjects(soon(t), bus.ObjectOptions{Name: "o"})
	if err != nil {
		t.Fatal(err)
	}
	s.Stop()
	s = secured(t, port, other, store)
	log.wait(t, "opening a new one", 2) // control and bulk
	s.Stop()
	s = secured(t, port, right, store)
	defer s.Stop()
	comesBack(t, b, "control", "refused keys")
	comesBack(t, b, "bulk", "refused keys")
	eventually(t, func() error { _, err := commits.Append(soon(t), 0, []byte("x")); return err })
	eventually(t, func() error { return objects.Put(soon(t), "x", strings.NewReader("x")) })
	if text := log.text(); strings.Contains(text, "right") {
		t.Errorf("the log shows the password: %s", text)
	}
}

// TestKeyFilesAreReadAnew changes the key on both sides while the connection is lost.
func TestKeyFilesAreReadAnew(t *testing.T) {
	port, file := freePort(t), filepath.Join(t.TempDir(), "seed.nk")
	s := secured(t, port, `{nkey: `+key(t, file)+`}`, "")
	b, err := bus.Open(bus.Options{URL: fmt.Sprintf("nats://127.0.0.1:%d", port), Name: "test", SeedFile: file})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	echo(t, b, "echo")
	s.Stop()
	s = secured(t, port, `{nkey: `+key(t, file)+`}`, "")
	defer s.Stop()
	comesBack(t, b, "echo", "a new key")
}

// TestRefusedSubscriptionsComeBack takes the right to subscribe from a key,
// without a word about its connection, and gives it back.
func TestRefusedSubscriptionsComeBack(t *testing.T) {
	port := freePort(t)
	config := filepath.Join(t.TempDir(), "nats.conf")
	rights := func(deny string) {
		text := fmt.Sprintf(`authorization { users = [ {user: tg, password: "right", permissions: { subscribe: { deny: [%s] } } } ] }`, deny)
		if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	rights("")
	s, err := natsserver.Start(natsserver.Options{Port: port, Config: config})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Stop()
	var log lines
	b, err := bus.Open(bus.Options{URL: fmt.Sprintf("nats://tg:right@127.0.0.1:%d", port), Name: "test", Log: log.logger()})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	echo(t, b, "echo")
	comesBack(t, b, "echo", "the start")
	for _, deny := range []string{`"echo"`, `"_INBOX.>"`} {
		rights(deny)
		if err := s.Reload(); err != nil {
			t.Fatal(err)
		}
		log.wait(t, "ermissions", 1)
		log.clear()
		rights("")
		if err := s.Reload(); err != nil {
			t.Fatal(err)
		}
		comesBack(t, b, "echo", "no right to "+deny)
	}
}

// TestAnotherKeyIsSaid changes the key of a process whose inbox carries the old one.
func TestAnotherKeyIsSaid(t *testing.T) {
	port, file := freePort(t), filepath.Join(t.TempDir(), "seed.nk")
	first := key(t, file)
	seed, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	s := secured(t, port, `{nkey: `+first+`}`, "")
	var log lines
	b, err := bus.Open(bus.Options{URL: fmt.Sprintf("nats://127.0.0.1:%d", port), Name: "test", SeedFile: file, InboxPrefix: "_INBOX.k",
		Log: log.logger()})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	echo(t, b, "echo")
	s.Stop()
	second := key(t, file)
	s = secured(t, port, `{nkey: `+second+`}`, "")
	log.wait(t, "holds another key than when this process began: start it again", 2)
	s.Stop()
	if err := os.WriteFile(file, seed, 0o600); err != nil { // a mistake that is mended
		t.Fatal(err)
	}
	s = secured(t, port, `{nkey: `+first+`}`, "")
	defer s.Stop()
	comesBack(t, b, "echo", "the old key")
}
