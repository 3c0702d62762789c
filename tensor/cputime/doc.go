// Package cputime tells how much processor time this process has used. It does
// not tell that of single threads or of other processes.
package cputime
