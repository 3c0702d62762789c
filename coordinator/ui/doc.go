// Package ui shows runs in a browser: a Server answers with pages that draw a run
// as it grows or as it ended, a folder of runs, and several runs compared; Report
// writes the same page with its data into one HTML file.
//
// The pages are embedded files of HTML, CSS and JavaScript without a build step.
// They load nothing from another host and send nothing anywhere: a content
// security policy forbids both. What comes from a run, as the names of runs and
// classes, is written as text, never as markup. The server only reads.
//
// On a loopback address everybody on the machine may look; on others the pages ask
// for a token. A page is told of news by server-sent events. Each run has one goroutine
// while somebody looks at it; it encodes what is new once, for all viewers.
// A viewer that is too slow gets the newest account instead of all that led to it, and is
// let go when it takes nothing for some seconds, so that viewers take a bounded
// memory and never hold up a run.
package ui
