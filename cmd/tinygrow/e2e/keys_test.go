package e2e

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nkeys"

	"github.com/tinygrow/tinygrow/coordinator"
	"github.com/tinygrow/tinygrow/deploy/auth"
	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/proto/bus"
	"github.com/tinygrow/tinygrow/proto/bus/natsbus"
	"github.com/tinygrow/tinygrow/proto/bus/natsserver"
	"github.com/tinygrow/tinygrow/tensor/nn"
	"github.com/tinygrow/tinygrow/worker"
)

// guarded is a NATS server with the configuration that auth makes, for the keys
// "worker" and some more, and one with all rights, for a spy.
type guarded struct {
	t   *testing.T
	dir string
	s   *server.Server
	spy string // file of its seed
}

func newGuarded(t *testing.T, names ...string) *guarded {
	t.Helper()
	g := &guarded{t: t, dir: filepath.Join(t.TempDir(), "keys")}
	err := auth.Init(auth.Options{Dir: g.dir, Hosts: []string{"127.0.0.1"}})
	for _, name := range names {
		err = errors.Join(err, auth.Add(auth.Options{Dir: g.dir}, proto.WorkerRole, name))
	}
	if err != nil {
		t.Fatal(err)
	}
	o, err := server.ProcessConfigFile(filepath.Join(g.dir, "nats", "nats.conf"))
	if err != nil {
		t.Fatal(err)
	}
	o.Host, o.Port, o.HTTPPort, o.NoLog, o.NoSigs, o.StoreDir, o.SyncAlways = "127.0.0.1", server.RANDOM_PORT, 0, true, true,
		t.TempDir(), false
	o.Nkeys = append(o.Nkeys, &server.NkeyUser{Nkey: g.spies()})
	if g.s, err = server.NewServer(o); err != nil {
		t.Fatal(err)
	}
	go g.s.Start()
	if !g.s.ReadyForConnections(10 * time.Second) {
		t.Fatal("the server does not start")
	}
	t.Cleanup(func() { g.s.Shutdown(); g.s.WaitForShutdown() })
	return g
}

// spies makes the spy's key.
func (g *guarded) spies() (public string) {
	pair, err := nkeys.CreateUser()
	if err != nil {
		g.t.Fatal(err)
	}
	seed, err := pair.Seed()
	if err != nil {
		g.t.Fatal(err)
	}
	g.spy = filepath.Join(g.t.TempDir(), "spy.nk")
	if err := os.WriteFile(g.spy, seed, 0o600); err != nil {
		g.t.Fatal(err)
	}
	if public, err = pair.PublicKey(); err != nil {
		g.t.Fatal(err)
	}
	return public
}

// options are those of who has the files in a directory of keys.
func (g *guarded) options(dir string) (bus.Options, proto.Key) {
	o := bus.Options{URL: g.s.ClientURL(), SeedFile: filepath.Join(g.dir, dir, "seed.nk"), CAFile: filepath.Join(g.dir, dir, "ca.crt"),
		Bulk: proto.Bulk}
	k, err := o.Key()
	if err != nil {
		g.t.Fatal(err)
	}
	return o, k
}

func (g *guarded) connect(dir string, role proto.Role) (*natsbus.Bus, proto.Key) {
	o, k := g.options(dir)
	o.InboxPrefix = role.Inbox(k)
	b, err := natsbus.Dial(o)
	if err != nil {
		g.t.Fatal(err)
	}
	g.t.Cleanup(func() { b.Close() })
	return b, k
}

// system is that of the workers with the files in a directory.
func (g *guarded) system(dir string) (system, proto.Key) {
	_, k := g.options(dir)
	return system{
		connect: func() bus.Bus { b, _ := g.connect(dir, proto.WorkerRole); return b },
		lead:    func() bus.Bus { b, _ := g.connect("coordinator", proto.CoordinatorRole); return b },
	}, k
}

// watch returns what was sent below a prefix so far.
func (g *guarded) watch(prefixes ...string) func() []string {
	o, _ := g.options("worker")
	o.SeedFile = g.spy
	b, err := bus.Open(o)
	if err != nil {
		g.t.Fatal(err)
	}
	g.t.Cleanup(func() { b.Close() })
	var mu sync.Mutex
	var seen []string
	for _, prefix := range prefixes {
		if _, err := b.Subscribe(prefix, func(m *bus.Message) {
			mu.Lock()
			defer mu.Unlock()
			seen = append(seen, m.Subject)
		}); err != nil {
			g.t.Fatal(err)
		}
	}
	return func() []string {
		g.flush(b)
		time.Sleep(100 * time.Millisecond) // what was delivered is on its way to the handler
		mu.Lock()
		defer mu.Unlock()
		return append([]string(nil), seen...)
	}
}

func (g *guarded) flush(b bus.Bus) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := b.Flush(ctx); err != nil {
		g.t.Fatal(err)
	}
}

// handed is a job whose data set is handed out.
func handed(t *testing.T) coordinator.Job {
	j := job(t, "")
	j.Data.Set = proto.DataSet{Name: "mnist", Digest: strings.Repeat("ab", 32), Bytes: 3}
	return j
}

// serving runs a coordinator that waits for workers, until the test ends.
func (g *guarded) serving(j coordinator.Job) {
	b, _ := g.connect("coordinator", proto.CoordinatorRole)
	ctx, stop := context.WithCancel(context.Background())
	done, started := make(chan error, 1), make(chan struct{})
	j.Config.Cluster.StopGrace = 0
	j.Events.Started = func(coordinator.Started) { close(started) }
	go func() { _, err := coordinator.Run(ctx, j, b); done <- err }()
	<-started
	g.t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			g.t.Error(err)
		}
	})
}

// requests are what a worker asks a coordinator, one of each kind, and whether
// there is an answer.
func requests(head proto.Head, k proto.Key) []struct {
	subject string
	m       proto.Message
	answer  bool
} {
	run := head.Run
	return []struct {
		subject string
		m       proto.Message
		answer  bool
	}{
		{run.JoinSubject(k), &proto.Hello{Head: head, Worker: "w", Nonce: "n", Threads: 1, Data: "other",
			Fingerprint: nn.Fingerprint()}, true},
		{run.PullSubject(k), &proto.Pull{Head: head, Worker: "w", Nonce: "n", Seq: 1}, true},
		{run.DataSubject(k), &proto.DataRequest{Head: head}, true},
		{run.FileSubject(k), &proto.FileRequest{Head: head, Key: "x"}, true},
		{run.BlobSubject(k), &proto.BlobRequest{Head: head, Worker: "w", Key: "x"}, true},
		{run.BeatSubject(k), &proto.Heartbeat{Head: head, Worker: "w", Nonce: "n"}, false},
		{run.PartialSubject(k), &proto.PartialChunk{Head: head, Worker: "w", Block: proto.Block{Lo: 0, Hi: 1}}, false},
	}
}

// headOf asks which start of a coordinator leads the run.
func headOf(t *testing.T, ctx context.Context, b bus.Bus, k proto.Key) proto.Head {
	t.Helper()
	var offer proto.DataOffer
	data, err := proto.Marshal(&proto.DataRequest{Head: proto.Head{Run: "test"}})
	for err == nil && offer.Run == "" && ctx.Err() == nil {
		one, cancel := context.WithTimeout(ctx, time.Second)
		if answer, none := b.Request(one, proto.RunID("test").DataSubject(k), data); none == nil {
			err = proto.Decode(answer, &offer)
		}
		cancel()
	}
	if err != nil || offer.Run == "" {
		t.Fatal("no coordinator answers", err)
	}
	return offer.Head
}

// Neither the coordinator nor the server writes anywhere for a worker: whatever
// reply subject a request names, the answer goes to the sender's own inbox or nowhere.
func TestForgedRepliesLeadNowhere(t *testing.T) {
	g := newGuarded(t, "other")
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	lead, _ := g.connect("coordinator", proto.CoordinatorRole)
	log, err := lead.OpenLog(ctx, bus.LogOptions{Name: "precious", Subject: "tg.test.log"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := log.Append(ctx, 0, []byte("x")); err != nil {
		t.Fatal(err)
	}
	if _, err := lead.OpenObjects(ctx, bus.ObjectOptions{Name: "tinygrow-data"}); err != nil {
		t.Fatal(err)
	}
	g.serving(handed(t))
	hostile, k := g.connect("worker", proto.WorkerRole)
	_, victim := g.connect("workers/other", proto.WorkerRole)
	forged := []string{
		"$JS.API.STREAM.DELETE.precious", "$JS.API.STREAM.PURGE.precious", "$O.tinygrow-data.M.x", "$O.tinygrow-data.C.x", "$KV.lease.x",
		"$JS.ACK.precious.x.1.2.3.4.5", "$JS.FC.precious.x",
		proto.WorkerRole.Inbox(victim) + ".x", proto.WorkerRole.Inbox(k), proto.WorkerRole.Inbox(k) + "x.y",
		proto.CoordinatorRole.Inbox("") + ".x",
		"tg.test.log", "tg.test.lease", "tg.test.bulk.weights", proto.RunID("test").PullSubject(victim),
		proto.RunID("test").PartialSubject(k), "tgprobe.coordinator.x", "_INBOX.x",
	}
	own := proto.WorkerRole.Inbox(k) + ".forged"
	seen := g.watch("$O.>", "$KV.>", "$JS.API.STREAM.>", "$JS.ACK.precious.>", "$JS.FC.precious.>", "_INBOX.>", "_INBOX_worker.*", own,
		proto.WorkerRole.Inbox(victim)+".>", proto.WorkerRole.Inbox(k+"x")+".>", proto.CoordinatorRole.Inbox("")+".x",
		"tg.test.log", "tg.test.lease", "tg.test.bulk.weights", proto.RunID("test").PullSubject(victim), "tgprobe.coordinator.x")
	want := 0
	for _, r := range requests(headOf(t, ctx, hostile, k), k) {
		data, err := proto.Marshal(r.m)
		if err != nil {
			t.Fatal(err)
		}
		for _, reply := range append(forged, own) {
			if err := hostile.Forge(bus.Message{Subject: r.subject, Reply: reply, Data: data}); err != nil {
				t.Fatal(err)
			}
		}
		if r.answer {
			want++
		}
	}
	for _, role := range []struct {
		dir  string
		role proto.Role
	}{{"worker", proto.WorkerRole}, {"viewer", proto.ViewerRole}} { // and whatever else they may publish
		b, key := g.connect(role.dir, role.role)
		for _, subject := range role.role.Rights(key).Publish {
			for _, reply := range forged {
				m := bus.Message{Subject: strings.NewReplacer("*", "test", ">", "x").Replace(subject), Reply: reply, Data: []byte("{}")}
				if err := b.Forge(m); err != nil {
					t.Fatal(err)
				}
			}
		}
		g.flush(b)
	}
	g.flush(hostile)
	var got []string
	for len(got) < want && ctx.Err() == nil {
		got = seen()
	}
	for _, subject := range got {
		if subject != own {
			t.Errorf("something was written to %s", subject)
		}
	}
	if len(got) != want {
		t.Errorf("%d answers to the sender's own inbox, want %d", len(got), want)
	}
	if last, err := log.Last(ctx); err != nil || last.Number != 1 {
		t.Errorf("the log ends with %+v, %v", last, err)
	}
}

// forger sends wrong partials of every block in the name of others, for as long
// as a run lasts.
func forger(ctx context.Context, b bus.Bus, k proto.Key, names []proto.WorkerID, head proto.Head, sums func() proto.Sums) {
	m := proto.PartialChunk{Head: head}
	for round := proto.Round(1); ctx.Err() == nil; round = round%64 + 1 {
		for _, name := range names {
			for lo := range uint32(7) {
				m.Worker, m.Round, m.Block = name, round, proto.Block{Lo: lo, Hi: lo + 1}
				_ = proto.SendPartial(m, sums(), 4096,
					func(data []byte) error { return b.Publish(proto.RunID("test").PartialSubject(k), data) })
			}
		}
		time.Sleep(time.Millisecond)
	}
}

// With a worker's key of its own nobody frames the workers of other keys: what
// it says in their names are words of workers that are not there, and what it
// says below their subjects the server drops. All with audits on.
func TestForgedNamesFrameNobody(t *testing.T) {
	want := of(reference(t))
	g := newGuarded(t, "hostile", "b", "c")
	j := job(t, "")
	j.Config.Cluster.MinWorkers, j.Config.Cluster.Audit = 3, 1
	var members []*member
	names := []proto.WorkerID{"w0", "w1", "w2"}
	hostile, k := g.connect("workers/hostile", proto.WorkerRole)
	ctx, stop := context.WithCancel(context.Background())
	var group sync.WaitGroup
	params, slow := reference(t).ParamsStart, data
	slow.slow = time.Millisecond
	for i, dir := range []string{"worker", "workers/b", "workers/c"} {
		s, own := g.system(dir)
		members = append(members, s.start(worker.Config{ID: names[i], Key: own, Threads: 1}, slow, nil))
		for _, as := range []proto.Key{k, own} {
			group.Go(func() {
				forger(ctx, hostile, as, names, headOf(t, ctx, hostile, k), func() proto.Sums {
					s := proto.NewSums(proto.Lengths{F32: params, F64: 3})
					s.F32[0] = float32(math.NaN())
					return s
				})
			})
		}
	}
	s, _ := g.system("worker")
	r := s.coordinate(t, context.Background(), j)
	stop()
	group.Wait()
	if got := of(r); got != want || len(r.Quarantined) != 0 {
		t.Errorf("got %+v, want %+v; in quarantine: %+v", got, want, r.Quarantined)
	}
	if r.Dropped.Strangers == 0 {
		t.Errorf("nothing was forged: %+v, %.1f s", r.Dropped, r.WallS)
	}
	for _, m := range members {
		if err := m.Stop(); err != nil {
			t.Error(err)
		}
	}
}

// Tasks are answers in a worker's inbox, which no other key can read.
func TestTasksGoToTheirWorkersOnly(t *testing.T) {
	g := newGuarded(t, "hostile")
	o, k := g.options("worker")
	hostile, _ := g.connect("workers/hostile", proto.WorkerRole)
	heard := make(chan string, 100)
	for _, subject := range []string{proto.WorkerRole.Inbox(k) + ".>", "_INBOX_worker.>", "_INBOX_worker.*.>", ">"} {
		if _, err := hostile.Subscribe(subject, func(m *bus.Message) { heard <- m.Subject }); err != nil {
			t.Logf("%s: %v", subject, err)
		}
	}
	j := job(t, "")
	s, _ := g.system("worker")
	m := s.start(worker.Config{ID: "w", Key: k, Threads: 1}, data, nil)
	if r := s.coordinate(t, context.Background(), j); of(r) != of(reference(t)) {
		t.Error("other bits")
	}
	if err := m.Stop(); err != nil {
		t.Error(err)
	}
	g.flush(hostile)
	if n := len(heard); n > 0 {
		t.Errorf("overheard %d messages of the key %s, the first on %s", n, filepath.Base(filepath.Dir(o.SeedFile)), <-heard)
	}
}

// One key may hold so many ids and no more, and takes none from others.
func TestIDsOfAKeyAreBounded(t *testing.T) {
	g := newGuarded(t, "greedy")
	j := job(t, "")
	j.Config.Cluster.IDsPerKey, j.Config.Cluster.MinWorkers = 2, 3
	greedy, k := g.system("workers/greedy")
	var many []*member
	for i := range 4 {
		many = append(many, greedy.start(worker.Config{ID: proto.WorkerID(fmt.Sprint("g", i)), Key: k, Threads: 1}, data, nil))
	}
	s, own := g.system("worker")
	honest := s.start(worker.Config{ID: "g0", Key: own, Threads: 1}, data, nil)
	if r := s.coordinate(t, context.Background(), j); of(r) != of(reference(t)) {
		t.Error("other bits")
	}
	if err := honest.Stop(); err != nil {
		t.Error(err)
	}
	refused := 0
	for _, m := range many {
		if err := m.Stop(); errors.Is(err, worker.ErrRefused) && strings.Contains(err.Error(), "cluster.ids_per_key") {
			refused++
		} else if err != nil {
			t.Error(err)
		}
	}
	if refused != 2 {
		t.Errorf("%d were refused", refused)
	}
}

// twisted is a data set that all who collude read alike, and wrongly.
type twisted struct{ toy }

func (d twisted) Fill(b *nn.Batch, o proto.Order, augment proto.Augmentation, lo, n int) error {
	_ = d.toy.Fill(b, o, augment, lo, n)
	b.X[0]++
	return nil
}

// Many ids of one key that agree on wrong sums are one voice: with all blocks
// audited none of their sums counts, and none of the others is accused.
func TestManyIDsOfAKeyOutvoteNobody(t *testing.T) {
	want := of(reference(t))
	g := newGuarded(t, "hostile", "b", "c")
	j := job(t, "")
	j.Config.Cluster.MinWorkers, j.Config.Cluster.Audit = 3, 1
	var members, sybils []*member
	slow := data
	slow.slow = 3 * time.Millisecond // so that all are here in time
	for i, dir := range []string{"worker", "workers/b", "workers/c"} {
		s, k := g.system(dir)
		members = append(members, s.start(worker.Config{ID: proto.WorkerID(fmt.Sprint("w", i)), Key: k, Threads: 1}, slow, nil))
	}
	s, k := g.system("workers/hostile")
	for i := range 3 {
		sybils = append(sybils, s.start(worker.Config{ID: proto.WorkerID(fmt.Sprint("sybil", i)), Key: k, Threads: 1}, twisted{data}, nil))
	}
	r := s.coordinate(t, context.Background(), j)
	if got := of(r); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if len(r.Quarantined) != 1 || r.Quarantined[0].Worker.Key() != k {
		t.Errorf("in quarantine: %+v", r.Quarantined)
	}
	for _, m := range sybils {
		if err := m.Stop(); !errors.Is(err, worker.ErrRefused) {
			t.Errorf("one of them was told %v", err)
		}
	}
	for _, m := range members {
		if err := m.Stop(); err != nil {
			t.Error(err)
		}
	}
}

// spoiler is the bus of a worker that computes right and sends its sums spoilt.
type spoiler struct {
	bus.Bus
	spoil func(data []byte)
}

func (s spoiler) Publish(subject string, data []byte) error {
	var m proto.PartialChunk
	if !strings.HasSuffix(subject, ".partial") || proto.Decode(bytes.Clone(data), &m) != nil || m.Offset > 0 || len(m.Data) < 8 {
		return s.Bus.Publish(subject, data)
	}
	m.Data = bytes.Clone(m.Data)
	s.spoil(m.Data)
	return proto.Encode(&m, func(data []byte) error { return s.Bus.Publish(subject, data) })
}

// One worker's partial of no numbers, of a wrong count or of a huge gradient
// neither ends a run without audits nor changes a bit of it. Its sender is found
// out, whatever it calls itself next.
func TestImpossiblePartialsAreBlamedOnTheirSender(t *testing.T) {
	want := of(reference(t))
	for name, spoil := range map[string]func(data []byte){ // of gradients the first value, elsewhere the number of samples
		"no number": func(data []byte) { binary.LittleEndian.PutUint32(data, 0x7fc00000) },
		"huge":      func(data []byte) { binary.LittleEndian.PutUint32(data, math.Float32bits(1e30)) },
		"counts": func(data []byte) {
			binary.LittleEndian.PutUint64(data[len(data)/8*8-8:], math.Float64bits(1.5)) // of values of the last batch norm
		},
	} {
		g := newGuarded(t, "hostile", "b", "c")
		j := job(t, "")
		j.Config.Cluster.MinWorkers = 3
		slow := data
		slow.slow = time.Millisecond // so that all are here in time
		var members []*member
		for i, dir := range []string{"worker", "workers/b", "workers/c"} {
			s, k := g.system(dir)
			members = append(members, s.start(worker.Config{ID: proto.WorkerID(fmt.Sprint("w", i)), Key: k, Threads: 1}, slow, nil))
		}
		s, k := g.system("workers/hostile")
		hostile := s.start(worker.Config{ID: "x", Key: k, Threads: 1}, data, func(b bus.Bus) bus.Bus { return spoiler{b, spoil} })
		r := s.coordinate(t, context.Background(), j)
		if got := of(r); got != want {
			t.Errorf("%s: got %+v, want %+v", name, got, want)
		}
		if len(r.Quarantined) != 1 || r.Quarantined[0].Worker != k.Worker("x") || r.Dropped.Wrong+r.Dropped.Doubted == 0 {
			t.Errorf("%s: in quarantine: %+v; dropped %+v", name, r.Quarantined, r.Dropped)
		}
		if err := hostile.Stop(); !errors.Is(err, worker.ErrRefused) {
			t.Errorf("%s: it was told %v", name, err)
		}
		for _, m := range members {
			if err := m.Stop(); err != nil {
				t.Error(err)
			}
		}
	}
}

// A server that knows its clients by user names and passwords does as well, with
// the rights that deploy/DESIGN.md names.
func TestUsersAndPasswords(t *testing.T) {
	user := func(name string, publish, subscribe []string) string {
		return fmt.Sprintf("{ user: %q, password: \"secret-%s\", permissions: { publish: [\"%s\"], subscribe: [\"%s\"] } }\n",
			name, name, strings.Join(publish, `", "`), strings.Join(subscribe, `", "`))
	}
	conf := "authorization { users: [\n" + user("boss", []string{">"}, []string{">"})
	for _, name := range []string{"node.7", "other"} {
		k := proto.KeyOfUser(name)
		conf += user(name, []string{fmt.Sprintf("tg.*.up.%s.*", k), fmt.Sprintf("tgprobe.worker.%s.>", k)},
			[]string{fmt.Sprintf("_INBOX_worker.%s.>", k), fmt.Sprintf("tgprobe.worker.%s.>", k), "tg.*.bulk.weights", "tg.*.news"})
	}
	file := filepath.Join(t.TempDir(), "nats.conf")
	if err := os.WriteFile(file, []byte(conf+"] }\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	server := startServer(t, natsserver.Options{Config: file})
	defer server.Stop()
	as := func(name string, role proto.Role) (func() bus.Bus, proto.Key) {
		o := bus.Options{URL: strings.Replace(server.URL(), "://", "://"+name+":secret-"+name+"@", 1), Bulk: proto.Bulk}
		k, err := o.Key()
		if err != nil {
			t.Fatal(err)
		}
		o.InboxPrefix = role.Inbox(k)
		return func() bus.Bus {
			b, err := bus.Open(o)
			if err != nil {
				t.Fatal(err)
			}
			return b
		}, k
	}
	boss, _ := as("boss", proto.CoordinatorRole)
	j := job(t, "")
	j.Config.Cluster.MinWorkers = 2
	var members []*member
	for _, name := range []string{"node.7", "other"} {
		connect, k := as(name, proto.WorkerRole)
		members = append(members, system{connect: connect}.start(worker.Config{ID: "w", Key: k, Threads: 1}, data, nil))
	}
	r := system{connect: boss}.coordinate(t, context.Background(), j)
	if of(r) != of(reference(t)) {
		t.Error("other bits")
	}
	for _, m := range members {
		if err := m.Stop(); err != nil {
			t.Error(err)
		}
	}
}
