package main

import (
	"fmt"
	"net"
	"strconv"

	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/proto/bus"
	"github.com/tinygrow/tinygrow/proto/bus/natsserver"
)

// meet returns the bus of a coordinator whose own workers share hub with it;
// others reach it over the NATS server of the settings, or over one that is
// started here if they say where it listens. leave ends it all.
func (s *settings) meet(hub *bus.Hub) (b bus.Sharing, leave func(), err error) {
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
func (n natsSettings) serve() (*natsserver.Server, error) {
	host, port, err := n.address()
	if err != nil {
		return nil, err
	}
	server, err := natsserver.Start(natsserver.Options{Host: host, Port: port})
	if err != nil {
		return nil, as(exitNetwork, fmt.Errorf("listen on %s: %w: is another program at that port?", n.Listen, err))
	}
	return server, nil
}

// address takes Listen apart. Only this machine may reach a server that asks
// for no keys.
func (n natsSettings) address() (host string, port int, err error) {
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
