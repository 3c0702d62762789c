package chaos

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"time"
)

// again is how soon a process that ended is started again.
const again = 100 * time.Millisecond

// keeper runs a process and starts it again whenever it ends.
type keeper struct {
	name   string
	binary func() string // draws the program of the next start
	args   []string
	ends   bool     // exit code 0 is its end
	stdin  *os.File // open as long as this process lives
	out    string   // file of stdout of the last start, or of all
	all    bool     // of all
	log    *os.File // stderr of all starts

	mu       sync.Mutex
	process  *exec.Cmd // nil while none runs
	hold     time.Time // none is started before
	starts   int
	stopping bool
	over     chan struct{} // closed at its end, or when it is stopped
}

// keep starts k. stop must be called.
func keep(k *keeper, log string) (*keeper, error) {
	var err error
	if k.log, err = os.OpenFile(log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600); err != nil {
		return nil, err
	}
	k.over = make(chan struct{})
	go k.loop() // ends with stop, or at its end
	return k, nil
}

func (k *keeper) loop() {
	defer close(k.over)
	for {
		p, err := k.start()
		if p == nil && err == nil {
			return // stopped
		}
		if err == nil {
			err = p.Wait()
		}
		k.mu.Lock()
		k.process = nil
		done := k.ends && err == nil || k.stopping
		k.mu.Unlock()
		if done {
			return
		}
		fmt.Fprintf(k.log, "chaos: %s ended: %v\n", k.name, err)
		time.Sleep(again)
	}
}

// start waits until the process may run and starts it; nil if it is stopped first.
func (k *keeper) start() (*exec.Cmd, error) {
	for {
		k.mu.Lock()
		wait := time.Until(k.hold)
		if k.stopping || wait <= 0 {
			break
		}
		k.mu.Unlock()
		time.Sleep(min(wait, 10*time.Millisecond))
	}
	defer k.mu.Unlock()
	if k.stopping {
		return nil, nil
	}
	how := os.O_TRUNC
	if k.all {
		how = os.O_APPEND
	}
	out, err := os.OpenFile(k.out, os.O_CREATE|os.O_WRONLY|how, 0o600)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	p := exec.Command(k.binary(), k.args...)
	p.Stdin, p.Stdout, p.Stderr = k.stdin, out, k.log
	apart(p)
	if err := p.Start(); err != nil {
		return nil, err
	}
	k.process = p
	k.starts++
	return p, nil
}

// signal sends a signal to the process and keeps the next one from starting for
// a while. It reports whether there was one to send it to.
func (k *keeper) signal(s os.Signal, hold time.Duration) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.process == nil {
		return false
	}
	if hold > 0 {
		k.hold = time.Now().Add(hold)
	}
	return k.process.Process.Signal(s) == nil
}

// stop ends the process for good and waits for its end.
func (k *keeper) stop() {
	k.mu.Lock()
	k.stopping = true
	if k.process != nil {
		if err := k.process.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
			fmt.Fprintf(k.log, "chaos: %v\n", err)
		}
	}
	k.mu.Unlock()
	<-k.over
	k.log.Close()
}
