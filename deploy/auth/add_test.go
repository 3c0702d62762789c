package auth_test

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/tinygrow/tinygrow/deploy/auth"
	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/proto/bus"
	"github.com/tinygrow/tinygrow/proto/bus/natsbus"
	"github.com/tinygrow/tinygrow/proto/bus/natsserver"
)

// reloadable serves the configuration in a directory, on a port that stays.
func reloadable(t *testing.T, dir string) *natsserver.Server {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	l.Close()
	s, err := natsserver.Start(natsserver.Options{Config: filepath.Join(dir, "nats", "nats.conf"), StoreDir: t.TempDir(), Port: port})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	return s
}

// join connects the holder of a directory of keys.
func join(s *natsserver.Server, dir string, role proto.Role) (*natsbus.Bus, proto.Key, error) {
	o := bus.Options{URL: s.URL(), SeedFile: filepath.Join(dir, "seed.nk"), CAFile: filepath.Join(dir, "ca.crt"), Bulk: proto.Bulk}
	k, err := o.Key()
	if err != nil {
		return nil, "", err
	}
	o.InboxPrefix = role.Inbox(k)
	b, err := natsbus.Dial(o)
	return b, k, err
}

// ask sends a pull of the holder of k and waits for the answer.
func ask(b *natsbus.Bus, k proto.Key) error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	_, err := b.Request(ctx, proto.RunID("r").PullSubject(k), nil)
	return err
}

// A key that is added counts as soon as the server has read its configuration,
// and interrupts nobody.
func TestAddedKeysCountAfterAReload(t *testing.T) {
	dir := initialised(t)
	s := reloadable(t, dir)
	first, k, err := join(s, filepath.Join(dir, "worker"), proto.WorkerRole)
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	if err := auth.Add(auth.Options{Dir: dir}, proto.WorkerRole, "node7"); err != nil {
		t.Fatal(err)
	}
	own := auth.KeyDir(dir, proto.WorkerRole, "node7")
	if b, _, err := join(s, own, proto.WorkerRole); err == nil {
		b.Close()
		t.Error("the key counts before the server knows it")
	}
	if err := s.Reload(); err != nil {
		t.Fatal(err)
	}
	second, other, err := join(s, own, proto.WorkerRole)
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	if other == k || other.Validate() != nil || k.Validate() != nil {
		t.Errorf("the keys are called %q and %q", k, other)
	}
	if _, err := first.RTT(); err != nil {
		t.Errorf("the first worker was cut off: %v", err)
	}
	for _, f := range []string{"seed.nk", "ca.crt"} {
		if info, err := os.Stat(filepath.Join(own, f)); err != nil || f == "seed.nk" && info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", f, info, err)
		}
	}
}

func TestWhatCannotBeAdded(t *testing.T) {
	dir := initialised(t)
	add := func(name string) error { return auth.Add(auth.Options{Dir: dir}, proto.WorkerRole, name) }
	if err := add("node7"); err != nil {
		t.Fatal(err)
	}
	if err := add("node7"); !errors.Is(err, auth.ErrExists) {
		t.Errorf("twice: %v", err)
	}
	if err := os.RemoveAll(auth.KeyDir(dir, proto.WorkerRole, "node7")); err != nil { // moved to its machine
		t.Fatal(err)
	}
	if err := add("node7"); !errors.Is(err, auth.ErrExists) {
		t.Errorf("of a key that was moved: %v", err)
	}
	for _, name := range []string{"", "a b", "../x", "a.b", "*", strings.Repeat("x", 65)} {
		if err := add(name); err == nil {
			t.Errorf("%q was taken", name)
		}
	}
	if err := auth.Add(auth.Options{Dir: t.TempDir()}, proto.WorkerRole, "x"); err == nil || !strings.Contains(err.Error(), "auth init") {
		t.Errorf("to no keys: %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "nats", "server.conf"), []byte("port: 4222\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := add("y"); err == nil || !strings.Contains(err.Error(), "no server.conf of tinygrow auth") {
		t.Errorf("to another configuration: %v", err)
	}
}

// The configuration of an earlier version gives each role other rights. Its
// keys are told at once what to do, and are good after it.
func TestKeysOfAnEarlierVersion(t *testing.T) {
	dir := initialised(t)
	conf := filepath.Join(dir, "nats", "server.conf")
	text, err := os.ReadFile(conf)
	if err != nil {
		t.Fatal(err)
	}
	old := strings.NewReplacer("# Written by tinygrow auth; included by nats.conf. To cut a key off, take its entry out and reload the "+
		"server.", "# Written by tinygrow auth init; included by nats.conf.",
		"{ # coordinator", "{ # coordinator", "tg.*.up.*.", "tg.*.").Replace(string(text))
	old = regexp.MustCompile(`tg\.\*\.up\.U\w+\.`).ReplaceAllString(old, "tg.*.")
	old = regexp.MustCompile(`_INBOX_worker\.U\w+\.>`).ReplaceAllString(old, "_INBOX_worker.>")
	if err := os.WriteFile(conf, []byte(old), 0o644); err != nil {
		t.Fatal(err)
	}
	s := reloadable(t, dir)
	worker, k, err := join(s, filepath.Join(dir, "worker"), proto.WorkerRole)
	if err != nil {
		t.Fatal(err)
	}
	defer worker.Close()
	if err := ask(worker, k); !errors.Is(err, bus.ErrForbidden) || !strings.Contains(err.Error(), "tinygrow auth update") {
		t.Errorf("got %v", err)
	}
	for _, want := range []bool{true, false} {
		if changed, err := auth.Update(auth.Options{Dir: dir}); err != nil || changed != want {
			t.Errorf("changed %v, %v; want %v", changed, err, want)
		}
	}
	if now, err := os.ReadFile(conf); err != nil || string(now) != string(text) {
		t.Errorf("the configuration is not what auth init writes: %v\n%s", err, now)
	}
	if err := s.Reload(); err != nil {
		t.Fatal(err)
	}
	coordinator, _, err := join(s, filepath.Join(dir, "coordinator"), proto.CoordinatorRole)
	if err != nil {
		t.Fatal(err)
	}
	defer coordinator.Close()
	if _, err := coordinator.Subscribe(proto.RunID("r").PullSubject(proto.EveryKey), func(m *bus.Message) { m.Respond(nil) }); err != nil {
		t.Fatal(err)
	}
	fresh, k, err := join(s, filepath.Join(dir, "worker"), proto.WorkerRole)
	if err != nil {
		t.Fatal(err)
	}
	defer fresh.Close()
	if err := ask(fresh, k); err != nil {
		t.Error(err)
	}
}
