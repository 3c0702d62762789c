package auth_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/proto/bus"
)

// Three servers of the shipped cluster configuration find each other over TLS,
// and roles talk across them.
func TestCluster(t *testing.T) {
	dir := initialised(t)
	text, err := os.ReadFile(filepath.Join("..", "nats-cluster.conf"))
	if err != nil {
		t.Fatal(err)
	}
	nats := filepath.Join(dir, "nats")
	conf := filepath.Join(nats, "nats-cluster.conf")
	if err := os.WriteFile(conf, text, 0o644); err != nil {
		t.Fatal(err)
	}
	t.Chdir(nats) // as the file says

	const n = 3
	var ports [n]int
	var routes []string
	for i := range ports {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		ports[i] = l.Addr().(*net.TCPAddr).Port
		routes = append(routes, fmt.Sprintf("nats://127.0.0.1:%d", ports[i]))
		l.Close()
	}
	t.Setenv("NATS_ROUTES", "["+strings.Join(routes, ", ")+"]")
	var servers [n]*server.Server
	for i := range servers {
		t.Setenv("NATS_NAME", fmt.Sprintf("s%d", i))
		o, err := server.ProcessConfigFile(conf)
		if err != nil {
			t.Fatal(err)
		}
		o.Host, o.Port, o.HTTPPort, o.NoLog, o.NoSigs, o.StoreDir = "127.0.0.1", server.RANDOM_PORT, 0, true, true, t.TempDir()
		o.Cluster.Host, o.Cluster.Port = "127.0.0.1", ports[i]
		if o.ServerName != fmt.Sprintf("s%d", i) || !o.SyncAlways {
			t.Errorf("name %s, sync always %v", o.ServerName, o.SyncAlways)
		}
		if servers[i], err = server.NewServer(o); err != nil {
			t.Fatal(err)
		}
		go servers[i].Start()
		t.Cleanup(func() { servers[i].Shutdown(); servers[i].WaitForShutdown() })
	}
	for _, s := range servers {
		for end := time.Now().Add(30 * time.Second); !s.ReadyForConnections(time.Second) ||
			s.NumRoutes() < n-1; time.Sleep(20 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("%s has %d routes", s.Name(), s.NumRoutes())
			}
		}
	}
	coordinator, worker := connectAs(t, servers[0], dir, proto.CoordinatorRole), connectAs(t, servers[2], dir, proto.WorkerRole)
	subject := proto.RunID("r").PullSubject(keyOf(t, filepath.Join(dir, "worker")))
	if _, err := coordinator.Subscribe(subject, func(m *bus.Message) { m.Respond([]byte("work")) }); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	for {
		answer, err := worker.Request(ctx, subject, nil)
		if err == nil && string(answer) == "work" {
			return
		}
		if ctx.Err() != nil {
			t.Fatal(err)
		}
		time.Sleep(20 * time.Millisecond) // the subscription is on its way
	}
}
