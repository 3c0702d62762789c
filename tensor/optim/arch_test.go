package optim

import (
	"math"
	"testing"
)

func TestArchFactor(t *testing.T) {
	for _, c := range []struct {
		config ArchConfig
		depths Depths
		want   float64
	}{
		{ArchConfig{}, Depths{Cubes: 7}, 1},
		{ArchConfig{ArchNone, 1}, Depths{Cubes: 7}, 1},
		{ArchConfig{PathSum, 1}, Depths{Cubes: 1}, 1},
		{ArchConfig{PathSum, 1}, Depths{Cubes: 64}, 1.0 / 8},                 // one way of depth 4
		{ArchConfig{PathSum, 2}, Depths{Cubes: 8 + 27}, math.Sqrt(8.0 / 35)}, // ways of depths 2 and 3
		{ArchConfig{PathSum, 1}, Depths{Cubes: 1, Kernel: 5}, 3.0 / 5},       // [arch-aware]: 1/q
		{ArchConfig{PathSum, 1}, Depths{Cubes: 0, Kernel: 5}, 1},             // nothing comes through yet
		{ArchConfig{MinPath, 1}, Depths{Cubes: 1, Shortest: 4}, 1.0 / 8},     // 4^(-3/2)
		{ArchConfig{MinPath, 2}, Depths{Shortest: 8, Kernel: 1}, 3.0 / 8},    // (8/2)^(-3/2) 3/1
	} {
		if got := c.config.Factor(c.depths); math.Abs(got/c.want-1) > 1e-15 {
			t.Errorf("%+v of %+v: %v, want %v", c.config, c.depths, got, c.want)
		}
	}
}

func TestArchConfigFaults(t *testing.T) {
	for _, change := range []func(c *Config){
		func(c *Config) { c.Arch.Rule = "paths" },
		func(c *Config) { c.Arch = ArchConfig{PathSum, 0} },
		func(c *Config) { c.Arch.Rule, c.Name = MinPath, AdamW },
		func(c *Config) { c.Arch.Rule, c.Name = PathSum, Muon },
	} {
		c := Default()
		if change(&c); c.Validate() == nil {
			t.Errorf("%+v is taken", c.Arch)
		}
	}
	c := Default()
	if c.Arch.Rule = PathSum; c.Validate() != nil {
		t.Error(c.Validate())
	}
}
