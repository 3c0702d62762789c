package forecast

import (
	"container/heap"
	"time"
)

// clock is the order of events: by time, and at one time as they were asked for.
type clock struct {
	now   time.Duration
	queue events
	seq   int
}

type event struct {
	at  time.Duration
	seq int
	do  func()
}

type events []event

func (q events) Len() int { return len(q) }
func (q events) Less(i, j int) bool {
	return q[i].at < q[j].at || q[i].at == q[j].at && q[i].seq < q[j].seq
}
func (q events) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *events) Push(x any)   { *q = append(*q, x.(event)) }
func (q *events) Pop() any {
	last := (*q)[len(*q)-1]
	*q = (*q)[:len(*q)-1]
	return last
}

// in calls do after d.
func (c *clock) in(d time.Duration, do func()) { c.at(c.now+d, do) }

func (c *clock) at(t time.Duration, do func()) {
	c.seq++
	heap.Push(&c.queue, event{max(t, c.now), c.seq, do})
}

// run makes what happens happen until done.
func (c *clock) run(done func() bool) {
	for len(c.queue) > 0 && !done() {
		e := heap.Pop(&c.queue).(event)
		c.now = e.at
		e.do()
	}
}

// pool is processors that everything shares in slices, what is short before what computes.
type pool struct {
	clock *clock
	idle  int
	first []work // messages and sums
	later []work // computing
}

// work is so much time of one processor.
type work struct {
	left  time.Duration
	later bool
	done  func()
}

// slice is how long a processor stays with computing.
const slice = 2 * time.Millisecond

func (p *pool) submit(w work) {
	if w.later {
		p.later = append(p.later, w)
	} else {
		p.first = append(p.first, w)
	}
	p.next()
}

func (p *pool) next() {
	for p.idle > 0 && len(p.first)+len(p.later) > 0 {
		from := &p.first
		if len(p.first) == 0 {
			from = &p.later
		}
		w := (*from)[0]
		*from = (*from)[1:]
		p.idle--
		d := w.left
		if w.later {
			d = min(d, slice)
		}
		p.clock.in(d, func() {
			p.idle++
			if w.left -= d; w.left > 0 {
				p.submit(w)
				return
			}
			w.done()
			p.next()
		})
	}
}

// lane does one thing after the other, as a goroutine does.
type lane struct {
	clock *clock
	pool  *pool // nil: a processor is free whenever it is wanted
	queue []work
	doing bool
	spent time.Duration
}

// do calls then after d of work, behind what was asked for before.
func (l *lane) do(d time.Duration, then func()) {
	l.queue = append(l.queue, work{left: d, done: then})
	l.next()
}

func (l *lane) next() {
	if l.doing || len(l.queue) == 0 {
		return
	}
	w := l.queue[0]
	l.queue = l.queue[1:]
	l.doing = true
	l.spent += w.left
	end := func() {
		l.doing = false
		if w.done != nil {
			w.done()
		}
		l.next()
	}
	if l.pool == nil {
		l.clock.in(w.left, end)
		return
	}
	l.pool.submit(work{left: w.left, done: end})
}
