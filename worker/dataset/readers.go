package dataset

import (
	"fmt"
	"os"
	"strings"
)

// readers are those of all data sets: another one is a file and a line here.
var readers = []reader{shapesReader, cifar10Reader, cifar100Reader, mnistReader, fashionReader, folderReader, webdatasetReader,
	parquetReader, tableReader,
	packedReader}

// reader says how a data set comes into memory.
type reader struct {
	name      string // a configuration names it so
	title     string // faults of its files name it so
	about     string // what it reads, for people
	published bool   // tinygrow data get gets it
	sized     bool   // its pictures become of the size that a configuration gives
	// lies reports whether the files in dir are named as those of the set; nil:
	// the set is drawn from its seed and has none.
	lies func(dir string) bool
	// open looks at the files, so that the size of the set is known before memory is
	// taken. What it has opened it returns with an error too.
	open func(c Config, what scope) (*source, error)
}

// source is a set that can be read.
type source struct {
	set     *Set
	samples int64 // the number in both splits
	size    int64 // bytes of the largest one
	read    func() error
	// stream, in place of read, gives the set its labels, and pictures that are decoded whenever they are
	// asked for; nil: it has to be read.
	stream func() error
	files  []*os.File // read needs them open
}

func (s *source) close() {
	for _, f := range s.files {
		f.Close()
	}
}

// Names are the data sets that Open knows.
var Names = namesOf(readers)

func namesOf(readers []reader) []string {
	var names []string
	for _, r := range readers {
		names = append(names, r.name)
	}
	return names
}

// readerOf returns the reader of a set.
func readerOf(name string) (reader, bool) {
	for _, r := range readers {
		if r.name == name {
			return r, true
		}
	}
	return reader{}, false
}

// Drawn says that any process can draw the set, so that it need not travel.
func Drawn(name string) bool {
	r, known := readerOf(name)
	return known && r.lies == nil
}

// About tells what each set is, a line each.
func About() string {
	var b strings.Builder
	for _, r := range readers {
		fmt.Fprintf(&b, "  %-9s %s\n", r.name, r.about)
	}
	return b.String()
}
