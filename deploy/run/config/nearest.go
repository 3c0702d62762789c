package config

import "github.com/tinygrow/tinygrow/tensor/faults"

// Nearest returns the known key that name most likely meant, or "" when none is near.
func Nearest(name string, known []string) string { return faults.Nearest(name, known) }
