package coordinator

import "github.com/tinygrow/tinygrow/proto"

// allowance bounds the bytes of partials that are looked at: twice what the
// blocks given to the workers of a key need, because messages may come twice. What
// comes on top is dropped before it is decoded.
type allowance struct {
	size      int64 // bytes of one partial of the round
	strangers int64 // left for all those that hold no block
	bytes     map[proto.Key]int64
}

// slack is what is left to a key at the end of a round, besides two partials,
// and to strangers at its beginning.
const slack = 1 << 20

// open begins a round whose partials have so many bytes. Late ones of the round
// before may still come.
func (a *allowance) open(size int64) {
	most := 2*max(size, a.size) + slack
	for k, n := range a.bytes {
		if a.bytes[k] = min(n, most); n <= 0 {
			delete(a.bytes, k)
		}
	}
	a.size, a.strangers = size, slack
}

// ask allows what a block needs.
func (a *allowance) ask(k proto.Key) {
	if _, known := a.bytes[k]; !known {
		a.bytes[k] = slack
	}
	a.bytes[k] += 2*a.size + slack/8
}

// take takes n bytes off, and reports whether they were left.
func (a *allowance) take(k proto.Key, n int64) bool {
	left, known := a.bytes[k]
	if !known {
		a.strangers -= n
		return a.strangers >= 0
	}
	a.bytes[k] = max(left-n, 0)
	return left >= n
}
