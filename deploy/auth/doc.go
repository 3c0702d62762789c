// Package auth makes the keys of a run's participants: a certificate
// authority, a certificate of the NATS server, one nkey pair a role, and the
// server's configuration, in which each role may use its own subjects only.
//
// What it writes is sorted by who needs it, one directory each:
//
//	ca/           ca.crt, ca.key         stays with the person who runs this
//	nats/         server.crt, server.key, server.conf, nats.conf, ca.crt
//	coordinator/  seed.nk, ca.crt
//	worker/       seed.nk, ca.crt
//	viewer/       seed.nk, ca.crt
//
// Private keys and seeds are files that only their owner can read; they are
// never taken from or shown on a command line. The package starts no server and
// makes no connection.
package auth
