package bus

import "sync"

// named are the hubs that have an address, mem://NAME. One lasts for as long as
// somebody takes part in it.
var named = struct {
	sync.Mutex
	hubs map[string]*namedHub
}{hubs: map[string]*namedHub{}}

type namedHub struct {
	hub   *Hub
	users int
}

// namedBus is a participant in a hub with an address.
type namedBus struct {
	*hubBus
	leave func()
}

// openHub takes part in the hub of this process at an address.
func openHub(o Options) (System, error) {
	named.Lock()
	defer named.Unlock()
	h := named.hubs[o.URL]
	if h == nil {
		h = &namedHub{hub: NewHub(0)}
		named.hubs[o.URL] = h
	}
	h.users++
	leave := func() {
		named.Lock()
		defer named.Unlock()
		if h.users--; h.users == 0 {
			delete(named.hubs, o.URL)
		}
	}
	return namedBus{h.hub.connect(o.Pending), sync.OnceFunc(leave)}, nil
}

// Close ends the participation.
func (b namedBus) Close() error {
	defer b.leave()
	return b.hubBus.Close()
}
