package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nkeys"

	"github.com/tinygrow/tinygrow/proto"
)

// inbox is where answers go: the subject that a request names for them.
type inbox string

// raw speaks the NATS protocol itself: it may name any subject for a reply,
// send what no client library would, and stop reading.
type raw struct {
	conn    net.Conn
	mu      sync.Mutex
	out     *bufio.Writer
	inbox   inbox
	key     proto.Key
	asked   uint64
	answers map[string]chan []byte
	// sent counts what was published, refused what the server did not permit.
	sent, refused atomic.Uint64
}

// access is what a participant connects with.
type access struct {
	Addr, Authority, Seed, Inbox string
	Key                          proto.Key
}

// dial connects, and reads what comes unless deaf is set.
func dial(a access, deaf bool) (*raw, error) {
	plain, err := net.DialTimeout("tcp", a.Addr, 5*time.Second)
	if err != nil {
		return nil, err
	}
	if t, ok := plain.(*net.TCPConn); ok && deaf {
		_ = t.SetReadBuffer(4 << 10)
	}
	line, err := bufio.NewReaderSize(plain, 16).ReadString('\n')
	if err != nil {
		return nil, err
	}
	pem, err := os.ReadFile(a.Authority)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	c := &raw{conn: tls.Client(plain, &tls.Config{RootCAs: roots, ServerName: "127.0.0.1"}), answers: map[string]chan []byte{}, key: a.Key}
	c.out = bufio.NewWriterSize(c.conn, 64<<10)
	hello, err := greeting([]byte(line), a.Seed)
	if err != nil {
		return nil, err
	}
	c.inbox = inbox(fmt.Sprintf("%s.%d-%d", a.Inbox, os.Getpid(), time.Now().UnixNano()))
	c.send(fmt.Sprintf("CONNECT %s\r\n", hello), nil)
	if !deaf {
		c.send("SUB "+string(c.inbox)+".* 1\r\n", nil)
		go c.read(bufio.NewReaderSize(c.conn, 64<<10)) // ends with the connection
	}
	return c, c.flush()
}

// greeting answers the server's first line with the signature of the key.
func greeting(info []byte, seedFile string) (string, error) {
	var said struct {
		Nonce string `json:"nonce"`
	}
	if err := json.Unmarshal(bytes.TrimPrefix(info, []byte("INFO ")), &said); err != nil {
		return "", fmt.Errorf("%q: %w", info, err)
	}
	seed, err := os.ReadFile(seedFile)
	if err != nil {
		return "", err
	}
	pair, err := nkeys.FromSeed([]byte(strings.TrimSpace(string(seed))))
	if err != nil {
		return "", err
	}
	signature, err := pair.Sign([]byte(said.Nonce))
	if err != nil {
		return "", err
	}
	public, err := pair.PublicKey()
	if err != nil {
		return "", err
	}
	hello, err := json.Marshal(map[string]any{"verbose": false, "pedantic": false, "protocol": 1, "headers": true, "no_responders": true,
		"nkey": public, "sig": base64.RawURLEncoding.EncodeToString(signature)})
	return string(hello), err
}

// send writes a line and the data that belong to it into the buffer; flush tells
// whether they were sent.
func (c *raw) send(line string, data []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, _ = c.out.WriteString(line)
	if data != nil {
		_, _ = c.out.Write(data)
		_, _ = c.out.WriteString("\r\n")
	}
}

func (c *raw) flush() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.out.Flush()
}

// publish sends data to a subject; reply may be empty.
func (c *raw) publish(subject string, reply inbox, data []byte) {
	if reply != "" {
		subject += " " + string(reply)
	}
	c.send("PUB "+subject+" "+strconv.Itoa(len(data))+"\r\n", data)
	c.sent.Add(1)
}

// read hands answers out until the connection ends.
func (c *raw) read(in *bufio.Reader) {
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		fields := strings.Fields(line)
		if len(fields) == 0 {
			continue
		}
		switch fields[0] {
		case "PING":
			c.send("PONG\r\n", nil)
			_ = c.flush()
		case "-ERR":
			c.refused.Add(1)
		case "MSG", "HMSG":
			if !c.message(in, fields) {
				return
			}
		}
	}
}

func (c *raw) message(in *bufio.Reader, fields []string) bool {
	size, err := strconv.Atoi(fields[len(fields)-1])
	if err != nil {
		return false
	}
	data := make([]byte, size+2)
	if _, err := io.ReadFull(in, data); err != nil {
		return false
	}
	skip := 0
	if fields[0] == "HMSG" {
		skip, _ = strconv.Atoi(fields[len(fields)-2])
	}
	c.mu.Lock()
	answer := c.answers[fields[1]]
	c.mu.Unlock()
	if answer != nil {
		select {
		case answer <- data[skip:size]:
		default:
		}
	}
	return true
}

var errSilence = errors.New("no answer")

// request publishes and waits for the answer.
func (c *raw) request(ctx context.Context, subject string, data []byte, patience time.Duration) ([]byte, error) {
	answer := make(chan []byte, 1)
	c.mu.Lock()
	c.asked++
	reply := fmt.Sprintf("%s.%d", c.inbox, c.asked)
	c.answers[reply] = answer
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		delete(c.answers, reply)
		c.mu.Unlock()
	}()
	c.publish(subject, inbox(reply), data)
	if err := c.flush(); err != nil {
		return nil, err
	}
	select {
	case data := <-answer:
		return data, nil
	case <-time.After(patience):
		return nil, errSilence
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
