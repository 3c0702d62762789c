// Package fetch gets a run's data set to a worker that has none: it asks the
// coordinator what the set is, draws it if it is the built-in one, takes it from
// the cache on disk, or fetches it from the coordinator, piece by piece, into the cache.
//
// A set counts only when its digest is the one that the coordinator told. The
// workers of a host share the cache: one of them fetches, the others wait for
// it. What breaks off is fetched again; files whose contents are wrong are
// thrown away. The package never deletes a good set.
package fetch
