package proto

import "crypto/rand"

// Nonce tells one process from another of the same id.
type Nonce string

// NewNonce returns one that nobody else has.
func NewNonce() Nonce { return Nonce(rand.Text()) }

// Start tells one start of a coordinator from every other one, of its own run
// or of another that goes by the same id: each term that a coordinator leads
// has its own. Run and term alone do not, where no commit log counts terms.
type Start string

// NewStart returns one that nobody else has.
func NewStart() Start { return Start(rand.Text()) }

// Validate says what is wrong with a start; an empty one stands for none.
func (s Start) Validate() error {
	if s == "" {
		return nil
	}
	return checkID("start", string(s))
}
