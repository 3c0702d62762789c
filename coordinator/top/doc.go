// Package top shows a run in a terminal as it goes on: the course of loss and
// accuracy, the widths of the layers, workers and the phases of a step, and why the
// network last grew.
//
// A run is read from its directory, or from the pages that its coordinator or tinygrow
// ui serves, which alone know of workers. On a terminal that moves its cursor the page
// fills the screen and follows the run; elsewhere it is printed once. It only reads.
package top
