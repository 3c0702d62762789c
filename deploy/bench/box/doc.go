// Package box measures runs on a cluster that is made of network namespaces of this
// machine: each is a host with one link of a given rate and delay to a switch, and
// processes of its own. What the links carry is counted at the switch. Processors and
// memory are those of the one machine: workers that stand in (worker.stand_in) take the
// place of computing that it has not.
//
// It needs root, and ip and tc of iproute2. It leaves nothing behind: what it makes lies
// in namespaces, which go when it ends, or when it is started again after it was killed.
package box
