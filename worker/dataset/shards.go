package dataset

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/tinygrow/tinygrow/proto/file"
)

// Shards are files that hold many pictures with their classes: WebDataset tar files and Parquet files. They are
// listed, classes resolved, and then read as the pictures of a folder are: resized by the same rule, a part of them
// for testing where no shard is, decoded on all cores, kept in the cache.

// within says where a picture lies that is no file of its own: in memory, or in a part of a file.
type within struct {
	file     string
	at, size int64
	data     []byte // nil: it is read from file
}

// maxShards bounds the shards of a set, maxInside the pictures in them.
const (
	maxShards = 1 << 16
	maxInside = 1 << 28
)

// member is a picture of a shard and its class as it is written there.
type member struct {
	name  string // the name of the picture, for people and for drawing lots
	class string
	within
}

// shardFormat is a kind of shards.
type shardFormat struct {
	endings []string
	// list returns the pictures of a shard and, if it tells them, the names of the classes that it numbers.
	// What it holds in memory it takes from the budget.
	list func(path string, budget *budget) (members []member, names []string, err error)
}

// budget is what pictures that are held in memory as they were compressed may take.
type budget struct {
	left int64
	room room
}

// take takes n bytes.
func (b *budget) take(n int64) error {
	if n < 0 || n > b.left {
		return fmt.Errorf("%w: the pictures in compressed shards take more than %d MiB (%s)", ErrTooLarge, b.room.bytes>>20, b.room.why)
	}
	b.left -= n
	return nil
}

// open returns the source of the shards in c.Dir.
func (f shardFormat) open(c Config, what scope) (*source, error) {
	s := &Set{flip: true, classes: what.classes}
	l := listing{root: c.Dir, set: s, owner: "train"}
	found, err := f.find(c.Dir, &l)
	if err != nil {
		return nil, err
	}
	if len(found[1]) == 0 && c.TestPart == 0 {
		return nil, fmt.Errorf("%s has no shards for testing, "+
			"with test, val or validation in their names: set data.test_part", shown(c.Dir))
	}
	if !what.train && len(found[1]) > 0 {
		found[0] = nil
	}
	room := c.room()
	b := &budget{left: room.bytes / 2, room: room}
	var members [2][]member
	var names []string
	bad := new(faults)
	for i, list := range found {
		for j, path := range list {
			got, told, err := f.list(path, b)
			if err != nil {
				bad.add(i*maxShards+j, fmt.Errorf("%s: %w", shown(path), err))
				continue
			}
			if len(members[i])+len(got) > maxInside {
				return nil, fmt.Errorf("%w: there are more than %d pictures", ErrTooLarge, maxInside)
			}
			members[i] = append(members[i], got...)
			if len(told) > 0 && len(names) > 0 && !slices.Equal(told, names) {
				bad.add(i*maxShards+j, fmt.Errorf("%s: its classes are %s, those of shards before %s",
					shown(path), classList(told), classList(names)))
			}
			names = append(names[:0:0], append(told, names[min(len(told), len(names)):]...)...)
		}
	}
	if err := bad.err(); err != nil {
		return nil, err
	}
	if names == nil {
		names = classFile(c.Dir)
	}
	pictures, err := l.resolve(members, names, what.train)
	if err != nil {
		return nil, err
	}
	if len(found[1]) == 0 {
		l.cut(c, &pictures)
	}
	if !what.train {
		pictures[0] = nil
	}
	for i := range pictures {
		pictures[i] = limited(pictures[i], what.limit, len(s.classes))
	}
	return s.pictures(c, what, pictures)
}

// find lists the shards in dir, and in its folders named after a split, in the order of their names: those for training
// and those for testing.
func (f shardFormat) find(dir string, l *listing) (found [2][]string, err error) {
	entries, err := readDir(dir)
	if err != nil {
		return found, err
	}
	add := func(path string) {
		i := 0
		if rel, err := filepath.Rel(dir, path); err == nil && forTesting(rel) {
			i = 1
		}
		found[i] = append(found[i], path)
	}
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		switch {
		case hides(e.Name()):
			l.unused(hidden, 1, path)
		case isDir(path):
			below, err := readDir(path)
			if err != nil {
				return found, err
			}
			for _, e := range below {
				if f.lies(e.Name()) {
					add(filepath.Join(path, e.Name()))
				}
			}
		case f.lies(e.Name()):
			add(path)
		case e.Name() != classesFile:
			l.unused("files beside the shards", 1, path)
		}
	}
	switch n := len(found[0]) + len(found[1]); {
	case len(found[0]) == 0:
		return found, fmt.Errorf("%s has no shards for training, %s: name the directory with --data-dir",
			shown(dir), strings.Join(f.endings, " or "))
	case n > maxShards:
		return found, fmt.Errorf("%w: %d shards: at most %d are read", ErrTooLarge, n, maxShards)
	}
	return found, nil
}

func (f shardFormat) lies(name string) bool {
	if slices.ContainsFunc([]cifarFormat{cifar10, cifar100}, func(c cifarFormat) bool { return name == c.archive || name == c.python }) {
		return false // an archive of another set
	}
	return !hides(name) && slices.ContainsFunc(f.endings, func(e string) bool { return strings.HasSuffix(strings.ToLower(name), e) })
}

// liesIn reports whether shards lie in dir or in a folder of it.
func (f shardFormat) liesIn(dir string) bool {
	found, err := f.find(dir, &listing{root: dir, set: &Set{}})
	return err == nil && len(found[0]) > 0
}

// forTesting reports whether a word of a path says that a shard is for testing.
func forTesting(path string) bool {
	words := strings.FieldsFunc(strings.ToLower(path), func(r rune) bool { return !unicode.IsLetter(r) })
	return slices.ContainsFunc(words, func(w string) bool {
		return w == Test || w == "val" || w == "valid" || w == Validation
	})
}

// classesFile, if it is there, has the names of numbered classes, one a line.
const classesFile = "classes.txt"

func classFile(dir string) []string {
	data, err := file.Read(filepath.Join(dir, classesFile), maxHeader)
	if err != nil || !utf8.Valid(data) {
		return nil
	}
	return strings.Split(strings.TrimSpace(string(bytes.ReplaceAll(data, []byte("\r"), nil))), "\n")
}

// resolve numbers the classes: those of a model, those that the shards name, or what is written in them. Numbers
// are numbers of classes, anything else is a class of that name, in the order of names.
func (l *listing) resolve(members [2][]member, names []string, define bool) (pictures [2][]picture, err error) {
	seen := map[string]int{}
	numbered, most := true, -1
	for _, list := range members {
		for _, m := range list {
			if _, known := seen[m.class]; known {
				continue
			}
			seen[m.class] = 0
			n, err := strconv.ParseUint(m.class, 10, 32)
			if numbered = numbered && err == nil; numbered {
				most = max(most, int(n))
			}
		}
	}
	if most >= maxClasses || len(seen) > maxClasses {
		return pictures, fmt.Errorf("%w: class %d of %d different ones: there may be %d", ErrTooLarge, most, len(seen), maxClasses)
	}
	if names == nil && numbered {
		names = numbers(most + 1)
	}
	if names == nil {
		for class := range seen {
			names = append(names, class)
		}
		slices.Sort(names)
	}
	if define {
		l.set.classes = names
	}
	if len(l.set.classes) < 2 && define {
		return pictures, fmt.Errorf("there are %d classes: there must be at least 2", len(l.set.classes))
	}
	number := map[string]int{}
	for i, name := range l.set.classes {
		number[name] = i
	}
	bad := new(faults)
	for i, list := range members {
		for j, m := range list {
			class, name := m.class, m.class
			if n, err := strconv.ParseUint(class, 10, 32); err == nil && numbered && n < uint64(len(names)) {
				name = names[n]
			}
			n, known := number[name]
			if !known || !utf8.ValidString(name) {
				bad.add(i*maxInside+j, fmt.Errorf("%s: class %s is none of %s", shown(m.name), shown(class), classList(l.set.classes)))
				continue
			}
			in := m.within
			pictures[i] = append(pictures[i], picture{path: m.name, class: uint16(n), inside: &in})
		}
	}
	return pictures, bad.err()
}

// limited returns the pictures that a limit keeps.
func limited(list []picture, most limit, classes int) []picture {
	labels := make([]uint16, len(list))
	for i, p := range list {
		labels[i] = p.class
	}
	var kept []picture
	for _, i := range choose(labels, most, classes) {
		kept = append(kept, list[i])
	}
	return kept
}

// lies returns the path of the file that the picture is in, and where.
func (p picture) lies() (path string, at int64) {
	if p.inside == nil {
		return p.path, 0
	}
	return p.inside.file, p.inside.at
}

// content reads the whole picture as it is stored.
func (p picture) content() ([]byte, error) {
	switch {
	case p.inside == nil:
		data, err := file.Read(p.path, maxFile)
		if err == nil && len(data) == 0 {
			err = errors.New("the file is empty")
		}
		return data, err
	case p.inside.data != nil:
		return p.inside.data, nil
	}
	f, _, err := file.Open(p.inside.file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data := make([]byte, p.inside.size)
	if _, err := f.ReadAt(data, p.inside.at); err != nil {
		return nil, fmt.Errorf("%s was cut short meanwhile: %w", shown(p.inside.file), err)
	}
	return data, nil
}

// size returns the size in the picture's header, as it is seen.
func (p picture) size() (pictureSize, error) {
	if p.inside == nil {
		return sizeOf(p.path)
	}
	in := io.NewSectionReader(bytes.NewReader(p.inside.data), 0, int64(len(p.inside.data)))
	if p.inside.data == nil {
		f, err := os.Open(p.inside.file)
		if err != nil {
			return pictureSize{}, err
		}
		defer f.Close()
		in = io.NewSectionReader(f, p.inside.at, p.inside.size)
	}
	stored, err := headerSize(in)
	if err == nil {
		err = stored.check(MaxPixels)
	}
	if err != nil {
		return pictureSize{}, fmt.Errorf("%s: %w", shown(p.path), err)
	}
	return orientationOf(in).seen(stored), nil
}
