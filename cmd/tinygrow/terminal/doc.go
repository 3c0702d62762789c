// Package terminal writes what a command tells people: lines that stay and,
// on a terminal, one line of progress below them that is drawn over in place.
// The width is asked for at each drawing, so that a window may be resized at
// any time. On pipes, files and terminals that cannot move the cursor, progress
// is plain lines. It does not know what is told.
package terminal
