package checkpoint

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"

	"github.com/tinygrow/tinygrow/growth"
	"github.com/tinygrow/tinygrow/proto/file"
)

// RidingSHA256 returns the hexadecimal SHA-256 of the statistics that rode along, or
// nothing where none did.
func RidingSHA256(values []float64) string {
	if len(values) == 0 {
		return ""
	}
	sum := sha256.Sum256(littleEndian(values))
	return hex.EncodeToString(sum[:])
}

// littleEndian returns values as they lie in a file.
func littleEndian(values []float64) []byte {
	b := make([]byte, 0, 8*len(values))
	for _, v := range values {
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(v))
	}
	return b
}

// writeRiding writes the statistics that rode along, if there are any.
func (c *Checkpoint) writeRiding(dir string, d *disk) error {
	if c.RidingSHA256 == "" {
		return nil
	}
	return d.writeFile(filepath.Join(dir, ridingFile), func(f *os.File) error { _, err := f.Write(littleEndian(c.Riding)); return err })
}

// loadRiding reads them from directory dir.
func (c *Checkpoint) loadRiding(dir string) error {
	if c.RidingSHA256 == "" {
		return nil
	}
	path := filepath.Join(dir, ridingFile)
	data, err := file.Read(path, 8*int64(growth.WindowLen(c.Model.Graph)))
	if errors.Is(err, file.ErrIrregular) || errors.Is(err, file.ErrTooLarge) {
		return fmt.Errorf("%w: %w: more than the architecture has", ErrDamaged, err)
	}
	if err != nil {
		return fmt.Errorf("checkpoint: %w", err)
	}
	sum := sha256.Sum256(data)
	if got := hex.EncodeToString(sum[:]); got != c.RidingSHA256 || len(data)%8 != 0 {
		return fmt.Errorf("%w: %s: %d bytes of sha256 %.12s, %s says %.12s: the file was cut, or is of another checkpoint", ErrDamaged,
			path, len(data), got, stateFile, c.RidingSHA256)
	}
	for ; len(data) > 0; data = data[8:] {
		c.Riding = append(c.Riding, math.Float64frombits(binary.LittleEndian.Uint64(data)))
	}
	return nil
}
