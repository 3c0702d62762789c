// Package run puts a coordinator and workers together to a run: its settings, from
// files, the environment and flags; training in one process or over a server,
// standing by, working for a run elsewhere; and opening, evaluating, foretelling
// and verifying a run that lies in a directory.
//
// Train begins or resumes a run, Work joins one, Open reads what one has saved.
// A Given says where settings come from; it resolves them over Defaults, or lays
// them over a run that exists, of which it changes nothing that decides bits.
// The package prints nothing: a Console is told how a run goes.
package run
