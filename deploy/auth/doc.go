// Package auth makes the keys of a run's participants: a certificate
// authority, a certificate of the NATS server, one nkey pair for the
// coordinator, the viewers and each machine of workers, and the server's configuration, in which
// each key may use its own subjects only.
//
// What it writes is sorted by who needs it, one directory each:
//
//	ca/           ca.crt, ca.key         stays with the person who runs this
//	nats/         server.crt, server.key, server.conf, nats.conf, ca.crt
//	coordinator/  seed.nk, ca.crt
//	worker/       seed.nk, ca.crt        of one machine
//	workers/NAME  seed.nk, ca.crt        of one more each, by Add
//	viewer/       seed.nk, ca.crt
//
// Private keys and seeds are files that only their owner can read; they are
// never taken from or shown on a command line. The package starts no server and
// makes no connection.
package auth
