package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/tinygrow/tinygrow/deploy/auth"
	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/proto/bus"
	_ "github.com/tinygrow/tinygrow/proto/bus/natsbus"
	"github.com/tinygrow/tinygrow/proto/bus/natsserver"
)

const (
	run        proto.RunID = "r"
	foreignRun proto.RunID = "foreign"
	foreignLog             = "tg-log-foreign"
	dataStore              = "somebodys-data"
	dataStream             = "OBJ_" + dataStore
)

// honest is how many workers are. Each has a key of its own, as the attacker has.
const honest = 3

func honestName(i int) string { return fmt.Sprintf("honest-%d", i+1) }

// site is a NATS server with keys, and what others keep on it.
type site struct {
	dir, keys string
	server    *natsserver.Server
	addr      string
	guard     *raw // looks after the streams, with the coordinator's key
	before    map[string]stream
}

// stream is what a stream holds.
type stream struct {
	There    bool
	First    uint64
	Messages uint64
	Planted  int
}

func newSite(dir string) (*site, error) {
	s := &site{dir: dir, keys: filepath.Join(dir, "keys")}
	if err := auth.Init(auth.Options{Dir: s.keys, Hosts: []string{"localhost", "127.0.0.1"}}); err != nil {
		return nil, err
	}
	for i := range honest {
		if err := auth.Add(auth.Options{Dir: s.keys}, proto.WorkerRole, honestName(i)); err != nil {
			return nil, err
		}
	}
	var err error
	if s.server, err = natsserver.Start(natsserver.Options{Config: filepath.Join(s.keys, "nats", "nats.conf"),
		StoreDir: filepath.Join(dir, "jetstream"), MaxStore: 1 << 30}); err != nil {
		return nil, err
	}
	u, err := url.Parse(s.server.URL())
	if err != nil {
		return nil, err
	}
	_, port, err := net.SplitHostPort(u.Host)
	if err != nil {
		return nil, err
	}
	s.addr = "127.0.0.1:" + port
	if err := s.furnish(); err != nil {
		return nil, err
	}
	a, err := s.access("coordinator", proto.CoordinatorRole)
	if err != nil {
		return nil, err
	}
	if s.guard, err = dial(a, false); err != nil {
		return nil, err
	}
	s.before = s.streams()
	return s, nil
}

// access is what the holder of a directory of keys connects with.
func (s *site) access(dir string, r proto.Role) (access, error) {
	a := access{Addr: s.addr, Authority: filepath.Join(s.keys, dir, "ca.crt"), Seed: filepath.Join(s.keys, dir, "seed.nk")}
	var err error
	a.Key, err = bus.Options{SeedFile: a.Seed}.Key()
	a.Inbox = r.Inbox(a.Key)
	return a, err
}

// furnish puts a log and an object there that are none of the attacker's business.
func (s *site) furnish() error {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	a, err := s.access("coordinator", proto.CoordinatorRole)
	if err != nil {
		return err
	}
	b, err := bus.Open(bus.Options{URL: "tls://" + s.addr, Name: "bench", SeedFile: a.Seed, CAFile: a.Authority, InboxPrefix: a.Inbox,
		Bulk: proto.Bulk})
	if err != nil {
		return err
	}
	defer b.Close()
	log, err := b.OpenLog(ctx, bus.LogOptions{Name: foreignLog, Subject: foreignRun.LogSubject()})
	if err == nil {
		_, err = log.Append(ctx, 0, []byte("a record"))
	}
	if err != nil {
		return err
	}
	objects, err := b.OpenObjects(ctx, bus.ObjectOptions{Name: dataStore})
	if err != nil {
		return err
	}
	return objects.Put(ctx, "somebody's", strings.NewReader("an object"))
}

// streams looks at what must not be touched.
func (s *site) streams() map[string]stream {
	list := map[string]stream{}
	for _, name := range []string{foreignLog, dataStream} {
		answer, err := s.guard.request(context.Background(), "$JS.API.STREAM.INFO."+name, []byte(`{"subjects_filter":">"}`), 10*time.Second)
		var info struct {
			Error *struct{} `json:"error"`
			State struct {
				Messages uint64            `json:"messages"`
				First    uint64            `json:"first_seq"`
				Subjects map[string]uint64 `json:"subjects"`
			} `json:"state"`
		}
		if err == nil {
			err = json.Unmarshal(answer, &info)
		}
		now := stream{There: err == nil && info.Error == nil, First: info.State.First, Messages: info.State.Messages}
		for subject := range info.State.Subjects {
			if strings.HasSuffix(subject, ".planted") {
				now.Planted++
			}
		}
		list[name] = now
	}
	return list
}

// touched names the streams that lost something or got what is not theirs.
func (s *site) touched() []string {
	list := []string{}
	now := s.streams()
	for name, was := range s.before {
		is := now[name]
		if is.There != was.There || is.First != was.First || is.Messages < was.Messages || is.Planted > 0 ||
			name == foreignLog && is.Messages != was.Messages {
			list = append(list, name)
		}
	}
	return list
}

func (s *site) close() {
	s.guard.conn.Close()
	s.server.Stop()
}

// process is a coordinator or worker.
type process struct {
	cmd     *exec.Cmd
	log     string
	started atomic.Int64 // nanoseconds since 1970 when the run began
	out     strings.Builder
	done    chan struct{}
	watched chan struct{} // closed when watch ends
	err     error
}

// started are the processes so far. They end with this one.
var started sync.Map

// endWithUs lets the processes that were started end when this one is told to.
func endWithUs() {
	told := make(chan os.Signal, 1)
	signal.Notify(told, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-told
		started.Range(func(p, _ any) bool {
			_ = p.(*process).cmd.Process.Kill()
			return true
		})
		os.Exit(1)
	}()
}

// program is a binary, what its log is called, and the directory of its keys.
type program struct{ binary, name, keys string }

// start runs a program; its log goes to a file.
func (s *site) start(of program, args ...string) (*process, error) {
	a, err := s.access(of.keys, proto.WorkerRole)
	if err != nil {
		return nil, err
	}
	p := &process{log: filepath.Join(s.dir, of.name+".log"), done: make(chan struct{})}
	args = append(args, "--nats", "tls://"+s.addr, "--creds", a.Seed, "--ca", a.Authority)
	p.cmd = exec.Command(of.binary, args...)
	p.cmd.Stdout = &p.out
	pipe, err := p.cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	file, err := os.Create(p.log)
	if err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	started.Store(p, true)
	go func() {
		var cut error
		for in := bufio.NewReader(pipe); ; {
			line, err := in.ReadString('\n')
			if strings.HasPrefix(line, "run ") && strings.Contains(line, " started") {
				p.started.CompareAndSwap(0, time.Now().UnixNano())
			}
			if _, err := file.WriteString(line); err != nil {
				cut = err
			}
			if err != nil {
				break
			}
		}
		p.err = errors.Join(p.cmd.Wait(), cut, file.Close())
		close(p.done)
	}()
	return p, nil
}

func (p *process) stop() {
	_ = p.cmd.Process.Kill() // it may have ended
	<-p.done
	if p.watched != nil {
		<-p.watched
	}
}

// watch keeps the most memory that the process takes, until it ends.
func (p *process) watch(peak *float64) {
	p.watched = make(chan struct{})
	go func() {
		defer close(p.watched)
		for {
			select {
			case <-p.done:
				return
			case <-time.After(50 * time.Millisecond):
				*peak = max(*peak, p.peak())
			}
		}
	}()
}

// peak returns the most memory that the process had so far, in MB.
func (p *process) peak() float64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kb, _ := strconv.Atoi(strings.Fields(rest)[0])
			return float64(kb) / 1024
		}
	}
	return 0
}
