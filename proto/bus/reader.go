package bus

import (
	"context"
	"io"
)

// ObjectReader reads objects with the least of rights: whoever may use it can
// get the objects of a store by name, and neither change nor list them.
type ObjectReader interface {
	// ReadObject returns the contents of an object of a store and their size in
	// bytes. Reading them fails when they are not those that were put; what is
	// lost on the way is asked for again until ctx ends. It returns ErrNoObject
	// when there is no such object or store. The caller closes it.
	ReadObject(ctx context.Context, store, name string) (r io.ReadCloser, size int64, err error)
}
