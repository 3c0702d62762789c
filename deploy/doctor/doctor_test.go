package doctor_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/tinygrow/tinygrow/deploy/auth"
	"github.com/tinygrow/tinygrow/deploy/doctor"
	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/proto/bus"
	_ "github.com/tinygrow/tinygrow/proto/bus/natsbus"
	"github.com/tinygrow/tinygrow/proto/bus/natsserver"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// level returns the level of a check, or "" if it was not made.
func level(r *doctor.Report, check string) doctor.Level {
	for _, f := range r.Findings {
		if f.Check == check {
			return f.Level
		}
	}
	return ""
}

var quick = doctor.Probe{Pings: 5, Bytes: 4 << 20, Time: 5 * time.Second}

func TestMachine(t *testing.T) {
	good := doctor.Machine{CPU: "A", Kernels: "avx2", Fingerprint: "f", Processors: 4, Threads: 4, MemoryFree: 8 << 30}
	for _, c := range []struct {
		name, check string
		change      func(*doctor.Machine)
		want        doctor.Level
	}{
		{"good", "cpu", func(*doctor.Machine) {}, doctor.OK},
		{"no vectors", "cpu", func(m *doctor.Machine) { m.Kernels = "generic" }, doctor.Advice},
		{"quota of two", "threads", func(m *doctor.Machine) { m.Quota, m.Threads = 2, 2 }, doctor.OK},
		{"quota of a half", "threads", func(m *doctor.Machine) { m.Quota, m.Threads = 0.5, 1 }, doctor.Advice},
		{"little memory", "memory", func(m *doctor.Machine) { m.MemoryFree = 100 << 20 }, doctor.Advice},
		{"low limit", "memory", func(m *doctor.Machine) { m.MemoryLimit = 100 << 20 }, doctor.Advice},
		{"high limit", "memory", func(m *doctor.Machine) { m.MemoryLimit = 1 << 30 }, doctor.OK},
	} {
		m := good
		c.change(&m)
		var r doctor.Report
		r.CheckMachine(m)
		if got := level(&r, c.check); got != c.want {
			t.Errorf("%s: %s is %q, want %q", c.name, c.check, got, c.want)
		}
		if r.Worst() != c.want {
			t.Errorf("%s: worst is %q", c.name, r.Worst())
		}
	}
	if m := doctor.ThisMachine(1, 0, 0); m.Fingerprint == "" || m.Processors < 1 || m.Kernels == "" {
		t.Errorf("%+v", m)
	}
}

func TestPlainServer(t *testing.T) {
	s, err := natsserver.Start(natsserver.Options{StoreDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Stop()
	var r doctor.Report
	r.CheckNATS(context.Background(), proto.WorkerRole, bus.Options{URL: s.URL()}, quick)
	for _, check := range []string{"nats", "limits", "jetstream", "latency"} {
		if got := level(&r, check); got != doctor.OK {
			t.Errorf("%s: %q", check, got)
		}
	}
	n := r.NATS
	if n == nil || n.Echo <= 0 || n.LatencyMS.Median <= 0 || n.LatencyMS.P95 < n.LatencyMS.Median || n.Server.Version == "" ||
		n.MessageBytes != proto.MaxChunk {
		t.Errorf("%+v", n)
	}
}

func TestServerWithLowLimits(t *testing.T) {
	for payload, want := range map[int32]doctor.Level{64 << 10: doctor.Advice, 1 << 10: doctor.Fault} {
		s, err := natsserver.Start(natsserver.Options{MaxPayload: payload})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Stop()
		var r doctor.Report
		r.CheckNATS(context.Background(), proto.WorkerRole, bus.Options{URL: s.URL()}, quick)
		if level(&r, "limits") != want || level(&r, "jetstream") != doctor.Advice || r.NATS.Echo <= 0 {
			t.Errorf("%d bytes: %+v", payload, r)
		}
	}
}

func TestServerWithKeys(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "keys")
	if err := auth.Init(auth.Options{Dir: dir, Hosts: []string{"127.0.0.1"}, Days: 10, Store: t.TempDir()}); err != nil {
		t.Fatal(err)
	}
	s, err := natsserver.Start(natsserver.Options{Config: filepath.Join(dir, "nats", "nats.conf")})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Stop()
	for _, role := range proto.Roles() {
		o := bus.Options{URL: s.URL(), SeedFile: auth.Seed(dir, role), CAFile: auth.Authority(dir, role)}
		var r doctor.Report
		r.CheckKey(o.SeedFile)
		r.CheckNATS(context.Background(), role, o, quick)
		if r.Worst() == doctor.Fault || level(&r, "key") != doctor.OK || level(&r, "certificate") != doctor.Advice ||
			r.NATS.Server.TLS != "TLS 1.3" || !r.NATS.Server.Auth || r.NATS.Echo <= 0 {
			t.Errorf("%s: %+v %+v", role, r, r.NATS)
		}
	}
	var r doctor.Report
	r.CheckNATS(context.Background(), proto.CoordinatorRole, bus.Options{URL: s.URL(), SeedFile: auth.Seed(dir, proto.ViewerRole),
		CAFile: auth.Authority(dir, proto.ViewerRole)},
		doctor.Probe{Pings: 2, Time: 50 * time.Millisecond})
	if !r.Faulty("bandwidth") {
		t.Errorf("another role's key: %+v", r)
	}
	r = doctor.Report{}
	r.CheckNATS(context.Background(), proto.WorkerRole, bus.Options{URL: s.URL(), CAFile: auth.Authority(dir, proto.ViewerRole)}, quick)
	if !r.Faulty("nats") {
		t.Errorf("no key: %+v", r)
	}
}

func TestKeyFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "seed.nk")
	var r doctor.Report
	r.CheckKey("")
	if len(r.Findings) > 0 {
		t.Errorf("%+v", r)
	}
	r.CheckKey(file)
	if !r.Faulty("key") {
		t.Errorf("missing file: %+v", r)
	}
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	r = doctor.Report{}
	r.CheckKey(file)
	if level(&r, "key") != doctor.Advice {
		t.Errorf("open file: %+v", r)
	}
}

func TestData(t *testing.T) {
	for _, c := range []struct {
		data doctor.Data
		want string
		bad  bool
	}{
		{doctor.Data{Name: "shapes", Digest: "abcdef"}, "", false},
		{doctor.Data{Name: "shapes", Digest: "abcdef"}, "abc", false},
		{doctor.Data{Name: "shapes", Digest: "abcdef"}, "abd", true},
		{doctor.Data{Name: "folder", Digest: "abcdef", Notes: "count for nothing: 3 .gif files"}, "abc", false},
		{doctor.Data{Name: "cifar10", Err: errors.New("no such directory")}, "", true},
	} {
		var r doctor.Report
		r.CheckData(c.data, c.want)
		if r.Faulty("data") != c.bad {
			t.Errorf("%+v: %+v", c, r)
		}
		var out bytes.Buffer
		if err := r.Write(&out); err != nil {
			t.Fatal(err)
		}
		if (c.bad || c.data.Notes != "") != strings.Contains(out.String(), "-> ") || !strings.Contains(out.String(), c.data.Notes) {
			t.Errorf("%q", out.String())
		}
	}
}
