// Package download gets published data sets: from several mirrors, one after the other, going on
// where it was interrupted, and nothing that it got counts before its SHA-256 is the published one.
// What comes of it appears whole or not at all, and a lock keeps two of them apart in one directory.
//
// Get does it, Sets lists what there is. It speaks HTTP and HTTPS, follows a few redirects, and trusts
// no server: sizes are known beforehand, of archives only the files of the set are unpacked, each of its known
// size. It starts one goroutine, the HTTP client's own aside, and joins it.
package download
