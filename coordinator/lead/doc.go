// Package lead says which coordinator leads a run. A commit log, to which a
// record is added behind the newest one or not at all, decides: whoever adds to
// it behind another's record is fenced and stops. A lease beside it tells
// standbys when to try, so that there are no duels; nothing depends on it.
//
// Ledger is the part without network and clock, Lead the one with. What is
// trained, and how, is not known here.
package lead
