package run

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"strings"

	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/proto/bus"
	_ "github.com/tinygrow/tinygrow/proto/bus/natsbus" // the transport of nats://
	"github.com/tinygrow/tinygrow/proto/bus/natsserver"
	"github.com/tinygrow/tinygrow/proto/file"
)

// meet returns the bus of a coordinator whose own workers share hub with it;
// others reach it over the NATS server of the settings, or over one that is
// started here if they say where it listens. leave ends it all.
func (s *Settings) meet(hub *bus.Hub) (b bus.Sharing, leave func(), err error) {
	near, stop := hub.Share(), func() {}
	if s.NATS.Listen != "" {
		server, err := s.NATS.serve()
		if err != nil {
			return nil, nil, err
		}
		s.NATS.URL, stop = server.URL(), server.Stop
	}
	if s.NATS.URL == "" {
		return near, func() { near.Close() }, nil
	}
	far, err := s.NATS.dial(proto.CoordinatorRole, "coordinator")
	if err != nil {
		stop()
		return nil, nil, err
	}
	b = bus.Both(near, far)
	return b, func() { b.Close(); stop() }, nil
}

// serve starts the server that Listen asks for.
func (n NATS) serve() (*natsserver.Server, error) {
	host, port, err := n.address()
	if err != nil {
		return nil, err
	}
	server, err := natsserver.Start(natsserver.Options{Host: host, Port: port})
	if err != nil {
		return nil, as(ErrNetwork, fmt.Errorf("listen on %s: %w: is another program at that port?", n.Listen, err))
	}
	return server, nil
}

// address takes Listen apart. Only this machine may reach a server that asks
// for no keys.
func (n NATS) address() (host string, port int, err error) {
	host, text, err := net.SplitHostPort(n.Listen)
	if err == nil {
		port, err = strconv.Atoi(text)
	}
	if err != nil || port < 0 || port > 65535 {
		return "", 0, fmt.Errorf("nats listen %q: give host:port, as 127.0.0.1:4222", n.Listen)
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return "", 0, fmt.Errorf("nats listen %q: the built-in server asks for no keys and serves this machine only, as 127.0.0.1:4222: "+
			"for other machines start a NATS server and give --nats", n.Listen)
	}
	return host, port, nil
}

// dial connects one participant to the NATS server.
func (n NATS) dial(role proto.Role, name string) (bus.System, error) {
	o := bus.Options{URL: n.URL, Name: "tinygrow " + name, SeedFile: n.Creds, CAFile: n.CA, Bulk: proto.Bulk,
		MinPayload: proto.MinPayload, Log: slog.Default()}
	key, err := o.Key()
	if err != nil {
		return nil, err
	}
	o.InboxPrefix = role.Inbox(key)
	return bus.Open(o)
}

// key is what the server calls the holder of these settings.
func (n NATS) key() (proto.Key, error) {
	return bus.Options{URL: n.URL, SeedFile: n.Creds}.Key()
}

// readURL takes the address of the server from the file that holds it.
func (n *NATS) readURL() error {
	if n.URLFile == "" {
		return nil
	}
	text, err := file.Read(n.URLFile, maxKeyFile)
	if err != nil {
		return fmt.Errorf("nats url_file: %w", err)
	}
	url := strings.TrimSpace(string(text))
	switch {
	case url == "" || strings.ContainsAny(url, "\r\n"):
		return fmt.Errorf("nats url_file %s: it must hold one line, as nats://user:password@host:4222", n.URLFile)
	case n.URL != "" && n.URL != url:
		return fmt.Errorf("nats url and url_file %s: give one of them", n.URLFile)
	}
	n.URL = url
	return nil
}

// maxKeyFile bounds the files of keys and certificates, in bytes.
const maxKeyFile = 1 << 20

// checkFiles looks for the files of the keys, for who is about to use them.
func (n NATS) checkFiles() error {
	var faults []error
	for _, name := range []string{n.Creds, n.CA} {
		if name == "" {
			continue
		}
		switch f, size, err := file.Open(name); {
		case err != nil:
			faults = append(faults, fmt.Errorf("nats: %w", err))
		default:
			f.Close()
			if size > maxKeyFile {
				faults = append(faults, fmt.Errorf("nats: %s: the file is %w: it has %d bytes, and may have %d", name, file.ErrTooLarge,
					size, maxKeyFile))
			}
		}
	}
	return errors.Join(faults...)
}
