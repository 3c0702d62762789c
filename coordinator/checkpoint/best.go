package checkpoint

import (
	"fmt"
	"path/filepath"

	"github.com/tinygrow/tinygrow/tensor/nn"
)

// BestSHA256 returns the digest of the best network, or nothing where none is kept.
func BestSHA256(m *nn.Model) string {
	if m == nil {
		return ""
	}
	return ModelSHA256(m)
}

// writeBest writes the best network, if there is one.
func (c *Checkpoint) writeBest(dir string, d *disk) error {
	if c.Best == nil {
		return nil
	}
	info, err := modelInfo(c.Best.Graph, c.Card)
	if err != nil {
		return err
	}
	return d.writeTensors(filepath.Join(dir, bestFile), modelTensors(c.Best), info)
}

// loadBest reads it from directory dir.
func (c *Checkpoint) loadBest(dir string) error {
	if c.BestSHA256 == "" {
		return nil
	}
	path := filepath.Join(dir, bestFile)
	m, _, err := LoadModel(path)
	if err != nil {
		return err
	}
	if sum := ModelSHA256(m); sum != c.BestSHA256 {
		return fmt.Errorf("%w: %s: it has sha256 %.12s, %s says %.12s: the file is of another checkpoint", ErrDamaged, path, sum, stateFile,
			c.BestSHA256)
	}
	c.Best = m
	return nil
}
