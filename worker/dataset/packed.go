package dataset

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/tinygrow/tinygrow/proto/file"
	"github.com/tinygrow/tinygrow/tensor/nn"
)

// A packed file holds a whole set so that any sample is read where it lies:
//
//	packMagic, length of the header (4 bytes), CRC-32C of the header (4 bytes), the header as JSON,
//	zeros up to a multiple of packAlign,
//	a record for each training sample, then for each test sample: picture (C, H, W), checksum (4 bytes),
//	the labels of the training samples, then of the test samples, 2 bytes each.
//
// Numbers are little-endian. The checksum of training sample i is the CRC-32C of its
// picture plus 2 i, that of test sample i plus 2 i + 1, so that a record in the wrong place is found too; it is
// looked at whenever the record is read. The header says all else that has to be known, the digest, the
// labels' checksum and the sums that mean and deviation follow from among it, so that
// opening a file reads its header and labels and no picture.
//
// Records are read with pread into memory of the caller, and the file is not mapped:
// a picture costs a microsecond either way, and a file that is cut short, or whose disk
// fails, while it is read is an error with a name here, where a mapped page would be a
// signal. It is the same on all systems.
const (
	packMagic = "tinygrow pack 1\n"
	packFront = len(packMagic) + 8
	packAlign = 4096
	sumSize   = 4
	labelSize = 2
	maxHeader = 4 << 20 // bytes
)

// PackedEnding is that of the names of packed files.
const PackedEnding = ".tgpack"

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// packHeader is the header of a packed file.
type packHeader struct {
	Name    string   `json:"name"`
	Shape   nn.Shape `json:"shape"`
	Classes []string `json:"classes"`
	Flip    bool     `json:"flip"` // a mirrored image is of the same class
	Train   int64    `json:"train"`
	Test    int64    `json:"test"`
	Digest  string   `json:"digest"`
	// Sum and Squares are those of each channel's bytes over the training samples.
	Sum     []uint64 `json:"sum"`
	Squares []uint64 `json:"squares"`
	Labels  uint32   `json:"labels"` // CRC-32C of all labels
	// Table says what records are if they are rows of a table: float32 numbers. Sum and Squares are 0 then.
	Table *tabular `json:"table,omitempty"`
}

// encode returns the front of the file, up to the first record. Its length
// depends on what is known before any sample is read.
func (h packHeader) encode() ([]byte, error) {
	text, err := json.Marshal(h)
	if err != nil {
		return nil, err
	}
	widest := h
	widest.Digest, widest.Labels = strings.Repeat("0", 64), math.MaxUint32
	widest.Sum, widest.Squares = make([]uint64, h.Shape.C), make([]uint64, h.Shape.C)
	for c := range widest.Sum {
		widest.Sum[c], widest.Squares[c] = math.MaxUint64, math.MaxUint64
	}
	most, err := json.Marshal(widest)
	if err != nil {
		return nil, err
	}
	if len(most) > maxHeader {
		return nil, fmt.Errorf("the names of %d classes take %d bytes: a packed file may have %d", len(h.Classes), len(most), maxHeader)
	}
	text = append(text, bytes.Repeat([]byte(" "), len(most)-len(text))...)
	out := make([]byte, 0, frontSize(len(text)))
	out = append(out, packMagic...)
	out = binary.LittleEndian.AppendUint32(out, uint32(len(text)))
	out = binary.LittleEndian.AppendUint32(out, crc32.Checksum(text, castagnoli))
	out = append(out, text...)
	return out[:cap(out)], nil
}

// frontSize returns where the first record begins behind a header of n bytes.
func frontSize(n int) int { return (packFront + n + packAlign - 1) / packAlign * packAlign }

// record is the size of one, in bytes.
func (h *packHeader) record() int64 { return int64(h.Table.size(h.Shape)) + sumSize }

// seal returns the checksum of a record: sample i of a split.
func seal(image []byte, split int, i int) uint32 {
	return crc32.Checksum(image, castagnoli) + uint32(2*i+split)
}

// setNames are those that a set may have which comes from elsewhere.
var setNames = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,39}$`)

// ValidName reports whether a set may be called so: a short word that is safe in the name of a file.
func ValidName(name string) bool { return setNames.MatchString(name) }

// check refuses what no set has, and sizes beyond those of files, before any memory
// is taken for them.
func (h *packHeader) check() error {
	if err := h.checkContents(); err != nil {
		return err
	}
	if len(h.Digest) != 64 || len(h.Sum) != h.Shape.C || len(h.Squares) != h.Shape.C {
		return errors.New("its header lacks the digest or the channels' sums")
	}
	return nil
}

// checkContents is check of what is known before any sample is read.
func (h *packHeader) checkContents() error {
	for _, side := range []int{h.Shape.C, h.Shape.H, h.Shape.W} {
		if side < 1 || side > maxSide && (h.Table == nil || side > maxFeatures) {
			return fmt.Errorf("images of %d x %d x %d: each must be 1 to %d", h.Shape.C, h.Shape.H, h.Shape.W, maxSide)
		}
	}
	if h.Table != nil {
		if err := h.Table.check(h.Shape, h.Classes); err != nil {
			return err
		}
	}
	const most = 1 << 40 // samples, and the orders of larger sets are no numbers of 32 bits anyway
	switch {
	case !ValidName(h.Name):
		return fmt.Errorf("data set %.40q: no set has such a name", h.Name)
	case len(h.Classes) < 1 || len(h.Classes) > maxClasses:
		return fmt.Errorf("%d classes: must be 1 to %d", len(h.Classes), maxClasses)
	case h.Train < 1 || h.Test < 0:
		return fmt.Errorf("%d and %d samples: there must be some", h.Train, h.Test)
	case h.Train > most || h.Test > most || h.Train > math.MaxUint32 || h.Test > math.MaxUint32:
		return fmt.Errorf("%w: %d and %d samples: a split may have %d", ErrTooLarge, h.Train, h.Test, uint32(math.MaxUint32))
	case h.Train+h.Test > (math.MaxInt64-maxHeader-packAlign-int64(packFront))/(h.record()+labelSize):
		return fmt.Errorf("%w: no file has %d samples of %d bytes", ErrTooLarge, h.Train+h.Test, h.record())
	}
	return nil
}

// packedFile is an open packed file.
type packedFile struct {
	f     *os.File
	h     packHeader
	first int64  // the place where the first record begins
	front uint32 // CRC-32C of the header
	size  int64
}

// openPacked opens the packed file at path and looks at its header and size.
func openPacked(path string) (*packedFile, error) {
	f, size, err := file.Open(path)
	if err != nil {
		return nil, err
	}
	p := &packedFile{f: f, size: size}
	if err := p.readHeader(); err != nil {
		f.Close()
		return nil, fmt.Errorf("%s: %w", shown(path), err)
	}
	return p, nil
}

func (p *packedFile) readHeader() error {
	front := make([]byte, packFront)
	if _, err := p.f.ReadAt(front, 0); err != nil && err != io.EOF {
		return err
	}
	n := binary.LittleEndian.Uint32(front[len(packMagic):])
	if string(front[:len(packMagic)]) != packMagic || n > maxHeader {
		return errors.New("the file is no packed data set of this version: make one with tinygrow data pack")
	}
	text := make([]byte, n)
	if _, err := p.f.ReadAt(text, int64(packFront)); err != nil {
		return errCut
	}
	p.front = binary.LittleEndian.Uint32(front[len(packMagic)+4:])
	if crc32.Checksum(text, castagnoli) != p.front {
		return errors.New("the header is damaged: pack the set again")
	}
	if err := json.Unmarshal(text, &p.h); err != nil {
		return err
	}
	if err := p.h.check(); err != nil {
		return err
	}
	p.first = int64(frontSize(int(n)))
	switch want := p.first + (p.h.Train+p.h.Test)*(p.h.record()+labelSize); {
	case p.size < want:
		return fmt.Errorf("%w: it has %d bytes of %d", errCut, p.size, want)
	case p.size > want:
		return fmt.Errorf("it has %d bytes, %d more than its header says: pack the set again", p.size, p.size-want)
	}
	return nil
}

var errCut = errors.New("the file was cut short: copy or pack it again")

// labels reads those of both splits.
func (p *packedFile) labels() (train, test []uint16, err error) {
	samples := p.h.Train + p.h.Test
	data, err := readBytes(io.NewSectionReader(p.f, p.first+samples*p.h.record(), math.MaxInt64), labelSize*samples)
	if err != nil {
		return nil, nil, err
	}
	if crc32.Checksum(data, castagnoli) != p.h.Labels {
		return nil, nil, errors.New("the labels are damaged: copy or pack the file again")
	}
	all := make([]uint16, p.h.Train+p.h.Test)
	for i := range all {
		all[i] = binary.LittleEndian.Uint16(data[labelSize*i:])
		if int(all[i]) >= len(p.h.Classes) {
			return nil, nil, fmt.Errorf("label %d of sample %d: there are %d classes", all[i], i, len(p.h.Classes))
		}
	}
	return all[:p.h.Train:p.h.Train], all[p.h.Train:], nil
}

// split returns the store of a split: 0 is that of training.
func (p *packedFile) split(i int) *records {
	r := &records{f: p.f, at: p.first, size: int(p.h.record()), split: i}
	if i > 0 {
		r.at += p.h.Train * p.h.record()
	}
	return r
}

// records are those of one split of a packed file.
type records struct {
	f     *os.File
	at    int64 // place of the first one
	size  int   // bytes of each
	split int
}

func (r *records) read(buf []byte, i int) error {
	_, err := r.f.ReadAt(buf[:r.size], r.at+int64(i)*int64(r.size))
	image := buf[:r.size-sumSize]
	switch {
	case err == io.EOF:
		return fmt.Errorf("%s: %w; it was whole when it was opened", shown(r.f.Name()), errCut)
	case err != nil:
		return err
	case seal(image, r.split, i) != binary.LittleEndian.Uint32(buf[len(image):]):
		return fmt.Errorf("%s: %s sample %d is damaged, its checksum is another: copy or pack the file again",
			shown(r.f.Name()), [...]string{Train, Test}[r.split], i)
	}
	return nil
}

func (r *records) ahead(i int) { advise(r.f, r.at+int64(i)*int64(r.size), int64(r.size)) }

// packedReader reads packed files.
var packedReader = reader{
	name: "packed", title: "packed",
	about: "a file of tinygrow data pack, FILE" + PackedEnding + ": read from disk, it may be larger than memory",
	lies:  func(dir string) bool { _, err := packedPath(dir); return err == nil }, open: openPackedSet,
}

// packedPath returns the packed file that dir is, or the only one in it.
func packedPath(dir string) (string, error) {
	info, err := os.Stat(dir)
	if err != nil {
		return "", err
	}
	if !info.IsDir() {
		if strings.HasSuffix(dir, PackedEnding) || isPacked(dir) {
			return dir, nil
		}
		return "", fmt.Errorf("%s: the file is no packed data set: make one with tinygrow data pack", shown(dir))
	}
	entries, err := readDir(dir)
	if err != nil {
		return "", err
	}
	var found []string
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), ".") && strings.HasSuffix(e.Name(), PackedEnding) {
			found = append(found, filepath.Join(dir, e.Name()))
		}
	}
	if len(found) != 1 {
		return "", fmt.Errorf("%s holds %d files *%s: name one with --data-dir FILE", shown(dir), len(found), PackedEnding)
	}
	return found[0], nil
}

// isPacked reports whether the file at path begins as a packed one.
func isPacked(path string) bool {
	f, _, err := file.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	front := make([]byte, len(packMagic))
	_, err = io.ReadFull(f, front)
	return err == nil && string(front) == packMagic
}

// openPackedSet opens a packed file: what is in memory of it are the labels.
func openPackedSet(c Config, what scope) (*source, error) {
	path, err := packedPath(c.Dir)
	if err != nil {
		return nil, err
	}
	p, err := openPacked(path)
	if err != nil {
		return nil, err
	}
	s := p.set()
	return &source{set: s, samples: p.h.Train + p.h.Test, read: func() error {
		if s.train.labels, s.test.labels, err = p.labels(); err != nil {
			return fmt.Errorf("%s: %w", shown(path), err)
		}
		if !what.train {
			s.train = samples{}
		}
		return nil
	}}, nil
}

// set is the set of a file, without its labels.
func (p *packedFile) set() *Set {
	p.random()
	return &Set{name: p.h.Name, shape: p.h.Shape, classes: p.h.Classes, flip: p.h.Flip, packed: p, tabular: p.h.Table,
		train: samples{store: p.split(0)}, test: samples{store: p.split(1)}}
}

// random says that records are read in any order.
func (p *packedFile) random() { adviseRandom(p.f) }

// readBytes reads n bytes into memory that grows with what has come.
func readBytes(r io.Reader, n int64) ([]byte, error) {
	const first = 32 << 20
	out := make([]byte, 0, min(n, first))
	for int64(len(out)) < n {
		have := int64(len(out))
		next := min(n, max(2*have, first))
		out = append(make([]byte, 0, next), out...)[:next]
		if _, err := io.ReadFull(r, out[have:]); err != nil {
			if err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return nil, err
		}
	}
	return out, nil
}
