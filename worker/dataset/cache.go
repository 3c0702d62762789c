package dataset

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/tinygrow/tinygrow/proto/file"
	"github.com/tinygrow/tinygrow/tensor/nn"
)

// Decoded pictures are kept in a cache, one file for each folder and settings, so that they
// are decoded once. A file is a line of JSON (cacheHeader), the images and the labels of both
// splits as they lie in memory, 2 bytes a label, little-endian, and the SHA-256 of all of that.
// It counts only for the names, sizes and times of change of the very files that it was made
// of, for the same decoders, and if its checksum is right.

// pictureRules counts changes of what is made of the same file.
const pictureRules = 1

// cacheHeader says what a cache file is of.
type cacheHeader struct {
	Key   string   `json:"key"`
	Shape nn.Shape `json:"shape"`
	Said  []string `json:"said"`
}

// cacheFile is where the samples of a folder may be kept. Its zero value keeps nothing.
type cacheFile struct {
	path, key string
	asked     bool // the user named the directory
}

// CacheOff as Config.Cache keeps no decoded pictures.
const CacheOff = "off"

// cacheOf returns the cache of some pictures as c reads them. There is none for pictures
// that were changed a moment ago: what changes them again may leave size and time as they are.
func (c Config) cacheOf(what scope, pictures [2][]picture) cacheFile {
	dir := c.Cache
	if dir == CacheOff || !what.train {
		return cacheFile{}
	}
	if dir == "" {
		home, err := os.UserCacheDir()
		if err != nil {
			return cacheFile{}
		}
		dir = filepath.Join(home, "tinygrow", "pictures")
	}
	root, err := filepath.Abs(c.Dir)
	if err != nil {
		return cacheFile{}
	}
	settings := fmt.Sprintf("%q size %q test_part %v seed %d limit %d", root, c.Size, c.TestPart, c.Seed, c.Limit)
	h := sha256.New()
	fmt.Fprintf(h, "rules %d of %s: %s\n", pictureRules, runtime.Version(), settings)
	const settled = 2 * time.Second
	now := time.Now()
	for _, list := range pictures {
		fmt.Fprintf(h, "%d pictures\n", len(list))
		for _, p := range list {
			path, at := p.lies()
			info, err := os.Stat(path)
			if err != nil || now.Sub(info.ModTime()) < settled {
				return cacheFile{}
			}
			fmt.Fprintf(h, "%q %d %d %d %d\n", p.path, at, p.class, info.Size(), info.ModTime().UnixNano())
		}
	}
	name := sha256.Sum256([]byte(settings))
	return cacheFile{filepath.Join(dir, hex.EncodeToString(name[:10])+".pictures"), hex.EncodeToString(h.Sum(nil)), c.Cache != ""}
}

// maxCacheHeader bounds the first line of a cache file.
const maxCacheHeader = 1 << 16

// source returns the source of the samples in the cache; nil: they are not there, or take
// too much memory, which who decodes them tells, or are damaged, which is said.
func (c cacheFile) source(s *Set, pictures [2][]picture, room room) *source {
	if c.path == "" {
		return nil
	}
	f, size, err := file.Open(c.path)
	if err != nil {
		return nil
	}
	defer f.Close()
	in := bufio.NewReaderSize(f, 1<<18)
	line, err := file.Line(in, maxCacheHeader)
	var h cacheHeader
	if err == nil {
		err = json.Unmarshal(line, &h)
	}
	if err == nil && h.Key != c.key { // it is of the same folder as it was before
		return nil
	}
	n := len(pictures[0]) + len(pictures[1])
	found := &source{set: s, samples: int64(n), size: int64(h.Shape.Len()), read: func() error { return nil }}
	if err == nil && size != int64(len(line))+found.samples*(found.size+2)+sha256.Size {
		err = fmt.Errorf("it has %d bytes, which is not what its header says", size)
	}
	if err == nil && room.takes(found) != nil {
		return nil
	}
	got := [2]samples{}
	if err == nil {
		got, err = readCache(in, line, h.Shape.Len(), pictures)
	}
	if err != nil {
		s.said = append(s.said, fmt.Sprintf("the cache %s is damaged (%v): the pictures are decoded anew", shown(c.path), err))
		return nil
	}
	s.shape, s.train, s.test, s.said = h.Shape, got[0], got[1], append(s.said, h.Said...)
	return found
}

// readCache reads the samples of both splits, each image of size bytes, and holds what it
// read, header included, against the checksum behind it.
func readCache(in io.Reader, header []byte, size int, pictures [2][]picture) (got [2]samples, err error) {
	sum := sha256.New()
	sum.Write(header)
	for i, list := range pictures {
		got[i] = samples{images: make([]byte, len(list)*size), labels: make([]uint16, len(list))}
		labels := make([]byte, 2*len(list))
		for _, part := range [][]byte{got[i].images, labels} {
			if _, err := io.ReadFull(in, part); err != nil {
				return got, err
			}
			sum.Write(part)
		}
		for j := range list {
			got[i].labels[j] = binary.LittleEndian.Uint16(labels[2*j:])
		}
	}
	want := make([]byte, sha256.Size)
	if _, err := io.ReadFull(in, want); err != nil {
		return got, err
	}
	if !bytes.Equal(sum.Sum(nil), want) {
		return got, errors.New("its checksum is wrong")
	}
	return got, nil
}

// keep writes the samples of s, of which said was told while they were decoded. That it
// cannot is told only if somebody asked for it.
func (c cacheFile) keep(s *Set, said []string) {
	if c.path == "" {
		return
	}
	if err := c.write(s, said); err != nil && c.asked {
		s.said = append(s.said, fmt.Sprintf("the decoded pictures could not be kept: %v", err))
	}
}

// write puts the file there as a whole or not at all.
func (c cacheFile) write(s *Set, said []string) (err error) {
	if err := os.MkdirAll(filepath.Dir(c.path), 0o755); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(c.path), ".pictures-")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name())
		}
	}()
	head, err := json.Marshal(cacheHeader{c.key, s.shape, said})
	if err == nil {
		err = writeCache(f, sha256.New(), [][]byte{append(head, '\n'), s.train.images, s.train.labelBytes(), s.test.images,
			s.test.labelBytes()})
	}
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), c.path)
	}
	return err
}

// writeCache writes the parts of a file and their checksum.
func writeCache(w io.Writer, sum hash.Hash, parts [][]byte) error {
	for _, part := range parts {
		sum.Write(part)
		if _, err := w.Write(part); err != nil {
			return err
		}
	}
	_, err := w.Write(sum.Sum(nil))
	return err
}
