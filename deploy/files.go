// Package deploy holds the files that tinygrow is shipped with: images,
// compose, systemd, slurm and Kubernetes descriptions. Go code gets those that
// commands write out again; everything else is used where it lies.
package deploy

import "embed"

// NATSConf is the configuration of the NATS server, without its keys.
//
//go:embed nats.conf
var NATSConf string

// Recipes are configurations of runs, recipes/NAME.yaml each.
//
//go:embed recipes/*.yaml
var Recipes embed.FS
