package bus

import (
	"context"
	"errors"
	"io"
)

// Objects is a store of named bytes that outlasts whoever writes to it. Its
// methods may be called concurrently, from any number of processes.
type Objects interface {
	// Put stores what r holds under a new name; whoever reads gets all of it
	// or ErrNoObject.
	Put(ctx context.Context, name string, r io.Reader) error
	// Get returns the contents of an object. Reading them fails when they are
	// not those that were put. The caller closes it.
	Get(ctx context.Context, name string) (io.ReadCloser, error)
	// Delete removes an object, if there is one.
	Delete(ctx context.Context, name string) error
	// Names returns the names of all objects, sorted.
	Names(ctx context.Context) ([]string, error)
}

// ObjectStores makes and opens stores of objects.
type ObjectStores interface {
	// OpenObjects returns the store of that name, after making it if need be.
	// It returns ErrNoLogs when the system keeps none.
	OpenObjects(ctx context.Context, o ObjectOptions) (Objects, error)
}

// ObjectOptions say what a store is like. The first to open it decides.
type ObjectOptions struct {
	Name string // letters, digits, - and _
	// Replicas is on how many servers of a cluster an object lies; 0 means 1.
	Replicas int
}

// ErrNoObject is returned by Get when there is no object of that name.
var ErrNoObject = errors.New("no such object")
