// Package growth decides where, when and how many neurons to add to a network
// that is being trained, and adds them: the TINY method ([tiny]: Verbockhaven,
// Rudkiewicz, Chevallier, Charpiat, "Growing Tiny Networks: Spotting
// Expressivity Bottlenecks and Fixing Them Optimally", TMLR 2024, arXiv
// 2405.19816) and its relatives ([gradmax]: Evci et al., arXiv 2201.05125;
// [idarts]: Zhang et al., arXiv 2106.10784).
//
// Words. A site is a place where neurons can be added: the layer that gains
// outputs (first), what lies between, the layer that gains inputs (second).
// b2 is the input of first as each output position reads it, followed by a 1
// when first has a bias; b1 the same for second; V, the desired update, is
// minus the gradient of the per-sample loss at second's output. Expectations
// are sums over samples and positions divided by samples.
//
// A growth event is a pure state machine (Event) that goes through the stages of a
// Policy and is fed with sums over samples. Below it, package measure computes those
// sums, package site says what a site is and widens and shrinks networks, package solve is
// the algebra, package prune says which neurons go again (Pruning).
//
// MATH.md beside this file has the formulas, where each of them stands, and the test
// of each of their properties.
//
// The package knows nothing of machines, messages, clocks or files, and it
// starts no goroutines except over independent sites.
package growth
