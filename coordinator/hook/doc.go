// Package hook tells commands and addresses of the events of a run: its start,
// growth events, evaluations and its end.
//
// A hook is a command, started with the arguments as they are and never by a
// shell, or an address, to which the event is posted. Both get the event as JSON. Hooks
// run one after the other beside the run, which never waits for them but at its end, and
// not long then. What fails, takes too long or cannot be kept waiting any more is told,
// and is no failure of the run; nothing that a hook does changes the run.
package hook
