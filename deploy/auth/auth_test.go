package auth_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nkeys"
	"go.uber.org/goleak"

	"github.com/tinygrow/tinygrow/deploy"
	"github.com/tinygrow/tinygrow/deploy/auth"
	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/proto/bus"
	"github.com/tinygrow/tinygrow/proto/bus/natsbus"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func options(t *testing.T) auth.Options {
	return auth.Options{Dir: filepath.Join(t.TempDir(), "keys"), Hosts: []string{"localhost", "127.0.0.1"}}
}

func initialised(t *testing.T) string {
	o := options(t)
	if err := auth.Init(o); err != nil {
		t.Fatal(err)
	}
	return o.Dir
}

// serve runs a NATS server from a configuration file, on a free port.
func serve(t *testing.T, config string) *server.Server {
	t.Helper()
	o, err := server.ProcessConfigFile(config)
	if err != nil {
		t.Fatal(err)
	}
	o.Host, o.Port, o.HTTPPort, o.NoLog, o.NoSigs, o.StoreDir = "127.0.0.1", server.RANDOM_PORT, 0, true, true, t.TempDir()
	s, err := server.NewServer(o)
	if err != nil {
		t.Fatal(err)
	}
	go s.Start()
	if !s.ReadyForConnections(10 * time.Second) {
		t.Fatal("the server does not start")
	}
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	return s
}

func seed(t *testing.T, dir string, r proto.Role) []byte {
	t.Helper()
	text, err := os.ReadFile(auth.Seed(dir, r))
	if err != nil {
		t.Fatal(err)
	}
	return bytes.TrimSpace(text)
}

// holders are who has a key; the second worker's is made by auth add.
var holders = []struct {
	name string
	role proto.Role
	dir  string // of its files
}{
	{"coordinator", proto.CoordinatorRole, "coordinator"}, {"worker", proto.WorkerRole, "worker"},
	{"other", proto.WorkerRole, "workers/other"}, {"reducer", proto.ReducerRole, "reducer"}, {"viewer", proto.ViewerRole, "viewer"},
}

// subjects says who may do what. Whoever is not named must be refused. KEY stands
// for what the server calls the first worker's key, OTHER for the second one's.
var subjects = []struct{ subject, publishers, subscribers string }{
	{"tg.r.up.KEY.join", "worker", "coordinator"},
	{"tg.r.up.KEY.pull", "worker", "coordinator"},
	{"tg.r.up.KEY.data", "worker", "coordinator"},
	{"tg.r.up.KEY.file", "worker", "coordinator"},
	{"tg.r.up.KEY.beat", "worker", "coordinator"},
	{"tg.r.up.KEY.blob", "worker", "coordinator reducer"},
	{"tg.r.up.KEY.partial", "worker", "coordinator"},
	{"tg.r.up.OTHER.join", "other", "coordinator"},
	{"tg.r.up.OTHER.pull", "other", "coordinator"},
	{"tg.r.up.OTHER.data", "other", "coordinator"},
	{"tg.r.up.OTHER.file", "other", "coordinator"},
	{"tg.r.up.OTHER.beat", "other", "coordinator"},
	{"tg.r.up.OTHER.blob", "other", "coordinator reducer"},
	{"tg.r.up.KEY.piece.0", "worker", "reducer"},
	{"tg.r.up.OTHER.piece.7", "other", "reducer"},
	{"tg.r.up.KEY.piece", "", ""},
	{"tg.r.up.KEY.piece.0.x", "", ""},
	{"tg.r.up.*.piece.3", "-", "reducer"},
	{"tg.r.red.REDUCER.join", "reducer", "coordinator"},
	{"tg.r.red.REDUCER.beat", "reducer", "coordinator"},
	{"tg.r.red.REDUCER.blob", "reducer", "coordinator"},
	{"tg.r.red.REDUCER.receipt", "reducer", "coordinator"},
	{"tg.r.red.REDUCER.report", "reducer", "coordinator"},
	{"tg.r.red.REDUCER.edge.0", "reducer", "reducer"},
	{"tg.r.red.REDUCER.edge", "", ""},
	{"tg.r.red.REDUCER.other", "", ""},
	{"tg.r.red.KEY.join", "", "coordinator"},
	{"tg.r.red.>", "-", ""},
	{"tg.r.duty", "coordinator", "reducer"},
	{"tg.r.up.OTHER.partial", "other", "coordinator"},
	{"tg.r.up.anybody.pull", "", "coordinator"},
	{"tg.r.up.KEY.other", "", ""},
	{"tg.r.up.KEY", "", ""},
	{"tg.r.up.*.partial", "-", "coordinator"},
	{"tg.r.up.KEY.*", "-", ""},
	{"tg.r.up.>", "-", ""},
	{"tg.r.bulk.weights", "coordinator reducer", "worker other"},
	{"tg.r.news", "coordinator", "coordinator worker other reducer viewer"},
	{"tg.r.log", "coordinator", ""},
	{"tg.r.lease", "coordinator", ""},
	{"_INBOX_coordinator.x.1", "", "coordinator"},
	{"_INBOX_worker.KEY.x.1", "coordinator reducer", "worker"},
	{"_INBOX_worker.OTHER.x.1", "coordinator reducer", "other"},
	{"_INBOX_worker.x.1", "coordinator reducer", ""},
	{"_INBOX_reducer.REDUCER.x.1", "coordinator", "reducer"},
	{"_INBOX_reducer.KEY.x.1", "coordinator", ""},
	{"_INBOX_reducer.>", "-", ""},
	{"_INBOX_viewer.x.1", "", "viewer"},
	{"_INBOX_worker.KEY.>", "-", "worker"},
	{"_INBOX_worker.>", "-", ""},
	{"_INBOX_worker.*.>", "-", ""},
	{"_INBOX_coordinator.>", "-", "coordinator"},
	{"_INBOX.x.1", "", ""},
	{"tgprobe.coordinator.x", "coordinator", "coordinator"},
	{"tgprobe.worker.KEY.x", "worker", "worker"},
	{"tgprobe.worker.OTHER.x", "other", "other"},
	{"tgprobe.worker.>", "-", ""},
	{"tgprobe.reducer.REDUCER.x", "reducer", "reducer"},
	{"tgprobe.reducer.KEY.x", "", ""},
	{"tgprobe.viewer.x", "viewer", "viewer"},
	{"$JS.API.STREAM.CREATE.log", "coordinator", ""},
	{"$JS.API.STREAM.DELETE.log", "coordinator", ""},
	{"$JS.API.STREAM.MSG.GET.log", "coordinator", ""},
	{"$JS.API.INFO", "coordinator", ""},
	{"$JS.API.STREAM.LIST", "coordinator", ""},
	{"$JS.API.STREAM.UPDATE.log", "coordinator", ""},
	{"$JS.API.STREAM.MSG.DELETE.log", "coordinator", ""},
	{"$JS.API.CONSUMER.CREATE.OBJ_r-objects", "coordinator", ""},
	{"$JS.API.CONSUMER.CREATE.OBJ_r-objects.x.$O.r-objects.C.x", "coordinator", ""},
	{"$JS.API.CONSUMER.MSG.NEXT.log.x", "coordinator", ""},
	{"$JS.ACK.log.x.1.2.3.4.5", "coordinator", ""},
	{"$JS.FC.log.x.1", "coordinator", ""},
	{"$JS.EVENT.ADVISORY.STREAM.CREATED.log", "", ""},
	{"$JS.>", "-", ""},
	{"$KV.lease.r", "coordinator", ""},
	{"$O.checkpoints.C.x", "coordinator", ""},
	{"$JS.API.DIRECT.GET.OBJ_tinygrow-data", "coordinator", ""},
	{"$JS.API.DIRECT.GET.OBJ_tinygrow-data.$O.tinygrow-data.M.x", "coordinator", ""},
	{"$JS.API.DIRECT.GET.OBJ_r-objects", "coordinator", ""},
	{"$JS.API.STREAM.INFO.OBJ_r-objects", "coordinator", ""},
	{"$JS.API.STREAM.PURGE.OBJ_r-objects", "coordinator", ""},
	{"$SYS.REQ.SERVER.PING", "", ""},
	{"$SYS.REQ.USER.INFO", "", ""},
	{"$SRV.PING", "", ""},
	{"$SYS.>", "-", ""},
	{"tg.r", "", ""},
	{"tg.r.other", "", ""},
	{"tg.r.pull", "", ""},
	{"tg.>", "-", ""},
	{"tg.*.>", "-", ""},
	{"*.r.up.KEY.pull", "-", ""},
	{">", "-", ""},
}

// withOther has a key for a second machine of workers.
func withOther(t *testing.T) string {
	dir := initialised(t)
	if err := auth.Add(auth.Options{Dir: dir}, proto.WorkerRole, "other"); err != nil {
		t.Fatal(err)
	}
	return dir
}

// keyOf is what the server calls the key in a directory.
func keyOf(t *testing.T, dir string) proto.Key {
	k, err := bus.Options{SeedFile: filepath.Join(dir, "seed.nk")}.Key()
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestEachKeyMayUseItsOwnSubjectsOnly(t *testing.T) {
	dir := withOther(t)
	s := serve(t, filepath.Join(dir, "nats", "nats.conf"))
	names := strings.NewReplacer("KEY", string(keyOf(t, filepath.Join(dir, "worker"))), "OTHER",
		string(keyOf(t, filepath.Join(dir, "workers/other"))), "REDUCER", string(keyOf(t, filepath.Join(dir, "reducer"))))
	for _, h := range holders {
		c, err := dial(t, dialingAs(t, s, filepath.Join(dir, h.dir)))
		if err != nil {
			t.Fatalf("%s: %v", h.name, err)
		}
		for _, w := range subjects {
			subject := names.Replace(w.subject)
			try := func(what, who string, do func(string) error) {
				if who == "-" {
					return // wildcards cannot be published to
				}
				err, may := do(subject), slices.Contains(strings.Fields(who), h.name)
				if may && err != nil || !may && (err == nil || !strings.Contains(err.Error(), "Permissions Violation")) {
					t.Errorf("%s to %s %s: may %v, got %v", h.name, what, subject, may, err)
				}
			}
			try("publish", w.publishers, c.publish)
			try("subscribe", w.subscribers, c.subscribe)
		}
	}
}

func TestTheTableOfThisTestKnowsAllRights(t *testing.T) {
	known := func(pattern string) bool {
		for _, w := range subjects {
			if server.SubjectsCollide(pattern, w.subject) && !slices.Contains([]string{">", "tg.>", "tg.*.>", "tg.r.up.>", "$JS.>"},
				w.subject) {
				return true
			}
		}
		return false
	}
	for _, role := range proto.Roles() {
		r := role.Rights("KEY")
		for _, s := range append(r.Publish, r.Subscribe...) {
			if !known(s) {
				t.Errorf("%s: %s is in no line of the table", role, s)
			}
		}
	}
}

// dialingAs are the particulars of who has the files in dir.
func dialingAs(t *testing.T, s *server.Server, dir string) dialing {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "seed.nk"))
	if err != nil {
		t.Fatal(err)
	}
	return dialing{addr: s.Addr().String(), authority: filepath.Join(dir, "ca.crt"), seed: bytes.TrimSpace(text)}
}

func TestTheServerRefusesStrangers(t *testing.T) {
	dir, other := initialised(t), initialised(t)
	s := serve(t, filepath.Join(dir, "nats", "nats.conf"))
	good := dialing{addr: s.Addr().String(), authority: auth.Authority(dir, proto.WorkerRole), seed: seed(t, dir, proto.WorkerRole)}
	if _, err := dial(t, good); err != nil {
		t.Fatal(err)
	}
	account, err := nkeys.CreateAccount()
	if err != nil {
		t.Fatal(err)
	}
	wrongKind, err := account.Seed()
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*dialing){
		"no key":               func(d *dialing) { d.seed = nil },
		"key of others":        func(d *dialing) { d.seed = seed(t, other, proto.WorkerRole) },
		"key of another kind":  func(d *dialing) { d.seed = wrongKind },
		"authority of others":  func(d *dialing) { d.authority = auth.Authority(other, proto.WorkerRole) },
		"TLS 1.2":              func(d *dialing) { d.maxTLS = tls.VersionTLS12 },
		"no TLS, right key":    func(d *dialing) { d.plain = true },
		"no TLS and no key":    func(d *dialing) { d.plain, d.seed = true, nil },
		"coordinator, old key": func(d *dialing) { d.seed = seed(t, other, proto.CoordinatorRole) },
	} {
		d := good
		change(&d)
		if _, err := dial(t, d); err == nil {
			t.Errorf("%s: the server let it in", name)
		}
	}
}

func TestTheBusConnects(t *testing.T) {
	dir := initialised(t)
	s := serve(t, filepath.Join(dir, "nats", "nats.conf"))
	connect := func(r proto.Role) *natsbus.Bus { return connectAs(t, s, dir, r) }
	coordinator, worker := connect(proto.CoordinatorRole), connect(proto.WorkerRole)
	k := keyOf(t, filepath.Join(dir, "worker"))
	for _, subject := range []string{proto.RunID("r").PullSubject(k), proto.RunID("r").FileSubject(k)} {
		if _, err := coordinator.Subscribe(subject, func(m *bus.Message) { m.Respond(append(m.Data, '!')) }); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		answer, err := worker.Request(ctx, subject, []byte("hi"))
		cancel()
		if err != nil || string(answer) != "hi!" {
			t.Errorf("%s: %q, %v", subject, answer, err)
		}
	}
	if _, err := bus.Open(bus.Options{URL: s.ClientURL(), CAFile: auth.Authority(dir, proto.WorkerRole)}); !errors.Is(err,
		bus.ErrUnreachable) || !strings.Contains(err.Error(), "--creds") {
		t.Errorf("without a key: %v", err)
	}
	if _, err := bus.Open(bus.Options{URL: s.ClientURL()}); !errors.Is(err, bus.ErrUnreachable) || !strings.Contains(err.Error(), "--ca") {
		t.Errorf("without the authority: %v", err)
	}
}

// The file in the repository is what auth init writes but for its places, and
// works as compose mounts it.
func TestShippedConfiguration(t *testing.T) {
	o := options(t)
	root := t.TempDir()
	o.ServerDir = filepath.Join(root, "auth")
	if err := auth.Init(o); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(o.Dir, "nats"), o.ServerDir); err != nil {
		t.Fatal(err)
	}
	conf := filepath.Join(root, "nats.conf")
	if err := os.WriteFile(conf, []byte(deploy.NATSConf), 0o644); err != nil {
		t.Fatal(err)
	}
	s := serve(t, conf)
	if _, err := dial(t, dialing{addr: s.Addr().String(), authority: auth.Authority(o.Dir, proto.ViewerRole),
		seed: seed(t, o.Dir, proto.ViewerRole)}); err != nil {
		t.Error(err)
	}
	opts, err := server.ProcessConfigFile(conf)
	if err != nil {
		t.Fatal(err)
	}
	if !opts.JetStream || !opts.SyncAlways || opts.JetStreamMaxStore == 0 || opts.JetStreamMaxMemory == 0 || opts.Cluster.Port != 0 ||
		opts.StoreDir != "/data" || opts.HTTPHost != "127.0.0.1" || opts.MaxPayload < proto.MaxChunk+4096 {
		t.Errorf("%+v", opts)
	}
}

func TestFilesAreForTheirOwnerOnly(t *testing.T) {
	dir := initialised(t)
	secrets := 0
	err := filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		switch {
		case e.IsDir():
			if info.Mode().Perm() != 0o700 {
				t.Errorf("%s has mode %o", path, info.Mode().Perm())
			}
		case strings.HasSuffix(path, ".key") || strings.HasSuffix(path, ".nk"):
			secrets++
			if info.Mode().Perm() != 0o600 {
				t.Errorf("%s has mode %o", path, info.Mode().Perm())
			}
		default:
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			if bytes.Contains(text, []byte("PRIVATE")) || bytes.Contains(text, []byte("\nSU")) {
				t.Errorf("%s holds a secret", path)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if secrets != 6 {
		t.Errorf("%d secrets, want those of the authority, the server and four roles", secrets)
	}
}

func TestNothingIsOverwritten(t *testing.T) {
	o := options(t)
	if err := auth.Init(o); err != nil {
		t.Fatal(err)
	}
	before := seed(t, o.Dir, proto.WorkerRole)
	if err := auth.Init(o); !errors.Is(err, auth.ErrExists) {
		t.Errorf("got %v", err)
	}
	if !bytes.Equal(before, seed(t, o.Dir, proto.WorkerRole)) {
		t.Error("the key was changed")
	}
	if !auth.Complete(o.Dir) {
		t.Error("what init wrote is not complete")
	}
	if err := os.Remove(auth.Seed(o.Dir, proto.WorkerRole)); err != nil {
		t.Fatal(err)
	}
	if auth.Complete(o.Dir) {
		t.Error("complete without the worker's key")
	}
	if err := auth.Init(o); !errors.Is(err, auth.ErrExists) {
		t.Errorf("half a directory was overwritten: %v", err)
	}
}

func TestRenewKeepsClientsIn(t *testing.T) {
	o := options(t)
	o.Now = time.Now().AddDate(0, 0, -400)
	if err := auth.Init(o); err != nil {
		t.Fatal(err)
	}
	conf := filepath.Join(o.Dir, "nats", "nats.conf")
	connect := func() error {
		s := serve(t, conf)
		_, err := dial(t, dialing{addr: s.Addr().String(), authority: auth.Authority(o.Dir, proto.WorkerRole),
			seed: seed(t, o.Dir, proto.WorkerRole)})
		return err
	}
	if err := connect(); err == nil {
		t.Error("a certificate that ended was accepted")
	}
	o.Now = time.Time{}
	if err := auth.Renew(o); err != nil {
		t.Fatal(err)
	}
	if err := connect(); err != nil {
		t.Errorf("after renewing: %v", err)
	}
	end, err := auth.Expiry(filepath.Join(o.Dir, "nats", "server.crt"))
	if err != nil || time.Until(end) < 390*24*time.Hour {
		t.Errorf("ends %v, %v", end, err)
	}
}

func TestFaultsAreToldTogether(t *testing.T) {
	err := auth.Init(auth.Options{Dir: t.TempDir(), Hosts: []string{"a b", "nats:4222", "ok.example"}, Days: -1})
	if err == nil {
		t.Fatal("no error")
	}
	for _, part := range []string{`"a b"`, `"nats:4222"`, "days -1"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%v: nothing about %s", err, part)
		}
	}
	if strings.Contains(err.Error(), "ok.example") {
		t.Error(err)
	}
}

// shipped serves the configuration in the repository, as compose mounts it, and
// returns what connects a role to it.
func shipped(t *testing.T) func(r proto.Role) *natsbus.Bus {
	o := options(t)
	root := t.TempDir()
	o.ServerDir = filepath.Join(root, "auth")
	if err := auth.Init(o); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(o.Dir, "nats"), o.ServerDir); err != nil {
		t.Fatal(err)
	}
	conf := filepath.Join(root, "nats.conf")
	if err := os.WriteFile(conf, []byte(deploy.NATSConf), 0o644); err != nil {
		t.Fatal(err)
	}
	s := serve(t, conf)
	return func(r proto.Role) *natsbus.Bus { return connectAs(t, s, o.Dir, r) }
}

// connectAs connects the holder of a role's key.
func connectAs(t *testing.T, s *server.Server, dir string, r proto.Role) *natsbus.Bus {
	t.Helper()
	b, err := natsbus.Dial(bus.Options{URL: s.ClientURL(), SeedFile: auth.Seed(dir, r), CAFile: auth.Authority(dir, r),
		InboxPrefix: r.Inbox(keyOf(t, filepath.Join(dir, string(r)))), Bulk: proto.Bulk})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	return b
}

// The coordinator's rights suffice for the commit log, a worker's do not.
func TestOnlyTheCoordinatorWritesTheLog(t *testing.T) {
	connect := shipped(t)
	run := proto.RunID("r")
	options := bus.LogOptions{Name: "r-log", Subject: run.LogSubject()}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	coordinator := connect(proto.CoordinatorRole)
	log, err := coordinator.OpenLog(ctx, options)
	if err != nil {
		t.Fatal(err)
	}
	objects, err := coordinator.OpenObjects(ctx, bus.ObjectOptions{Name: "r-objects"})
	if err != nil {
		t.Fatal(err)
	}
	data := bytes.Repeat([]byte("0123456789abcdef"), 1<<19) // 8 MiB: more than flow control lets pass at once
	if err := objects.Put(ctx, "x", bytes.NewReader(data)); err != nil {
		t.Fatal(err)
	}
	back, err := objects.Get(ctx, "x")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(back); err != nil || !bytes.Equal(got, data) {
		t.Fatalf("%d bytes of an object came back, %v", len(got), err)
	}
	if _, err := log.Append(ctx, 0, []byte("x")); err != nil {
		t.Fatal(err)
	}
	if got, err := log.Read(ctx, 1, 1); err != nil || len(got) != 1 {
		t.Fatalf("%v, %v", got, err)
	}
	worker := connect(proto.WorkerRole)
	brief, stop := context.WithTimeout(ctx, time.Second)
	defer stop()
	if _, err := worker.OpenLog(brief, options); err == nil {
		t.Error("a worker opened the log")
	}
	if _, err := worker.OpenObjects(brief, bus.ObjectOptions{Name: "r-objects"}); err == nil {
		t.Error("a worker opened the objects")
	}
	if err := worker.Publish(run.LogSubject(), []byte("y")); err != nil {
		t.Fatal(err)
	}
	if err := worker.Flush(ctx); err != nil {
		t.Fatal(err)
	}
	if last, err := log.Last(ctx); err != nil || last.Number != 1 {
		t.Errorf("after a worker's try the log ends with %v, %v", last, err)
	}
}
