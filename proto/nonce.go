package proto

import "crypto/rand"

// Nonce tells one process from another of the same id.
type Nonce string

// NewNonce returns one that nobody else has.
func NewNonce() Nonce { return Nonce(rand.Text()) }
