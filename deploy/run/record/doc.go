// Package record gathers what runs were and how they went in records of one schema, from which a predictor learns:
// the network, the settings that differ from the defaults, the curve, and the accuracy at the end. A file of records has a JSON object
// a line (deploy/docs/files.md). Of reads one of a run directory at any moment; Features makes of a network and of settings the
// numbers that deploy/run/predictor takes.
package record
