package dataset

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"
)

// listing finds the pictures of a folder, and what else lies there.
type listing struct {
	root  string
	set   *Set
	owner string // owner of the classes, for people
}

// unused notes what counts for nothing.
func (l *listing) unused(what string, n int, path string) {
	if name, err := filepath.Rel(l.root, path); err == nil {
		path = name
	}
	l.set.unused.add(what, n, path)
}

// Kinds of what counts for nothing in a folder.
const (
	hidden      = "hidden files and folders"
	besideSets  = "files and folders beside train and test"
	besideClass = "files beside the folders of the classes"
	belowClass  = "files in folders below a class's folder"
	emptyFolder = "empty folders below a class's folder"
	noEnding    = "files without an ending that tells a picture"
)

// beside notes what lies beside the splits.
func (l *listing) beside() {
	entries, err := readDir(l.root)
	if err != nil {
		return
	}
	for _, e := range entries {
		path := filepath.Join(l.root, e.Name())
		switch {
		case strings.HasPrefix(e.Name(), "."):
			l.unused(hidden, 1, path)
		case e.Name() != Train && e.Name() != Test:
			l.unused(besideSets, 1, path)
		}
	}
}

// split finds the pictures of a split; that of training defines the classes.
func (l *listing) split(dir string, define bool) ([]picture, error) {
	entries, err := readDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("there is no %s: the directory given with --data-dir must hold train/CLASS/* and test/CLASS/*", dir)
	}
	if err != nil {
		return nil, err
	}
	var pictures []picture
	var bad faults
	for i, e := range entries {
		path := filepath.Join(dir, e.Name())
		if strings.HasPrefix(e.Name(), ".") {
			l.unused(hidden, 1, path)
			continue
		}
		info, err := os.Stat(path) // follows links
		if err != nil {
			bad.add(i, err)
			continue
		}
		if !info.IsDir() {
			l.unused(besideClass, 1, path)
			continue
		}
		class, err := l.class(path, define)
		if err != nil {
			bad.add(i, err)
			continue
		}
		found, err := l.pictures(path, class)
		bad.add(i, err)
		pictures = append(pictures, found...)
	}
	if n := len(l.set.classes); define && n < 2 {
		bad.add(len(entries), fmt.Errorf("%s has %d classes: there must be at least 2 folders, one for each class", dir, n))
	} else if len(pictures) == 0 && bad.err() == nil {
		bad.add(len(entries), fmt.Errorf("%s has no images: there must be folders CLASS with %s files in it", dir, endingsText))
	}
	return pictures, bad.err()
}

// class returns the number of the class whose folder is at path.
func (l *listing) class(path string, define bool) (uint16, error) {
	name := filepath.Base(path)
	if define {
		l.set.classes = append(l.set.classes, name)
	}
	class := slices.Index(l.set.classes, name)
	switch {
	case !utf8.ValidString(name):
		return 0, fmt.Errorf("%s: the name of a class must be UTF-8: rename the folder", shown(path))
	case class < 0:
		return 0, fmt.Errorf("%s: %s is a class of %s, but not of %s, which has %s",
			shown(path), shown(name), shown(filepath.Base(filepath.Dir(path))), l.owner, classList(l.set.classes))
	case class >= maxClasses:
		return 0, fmt.Errorf("%s: there are more than %d classes", shown(path), maxClasses)
	}
	return uint16(class), nil
}

// classList names the first classes.
func classList(classes []string) string {
	const most = 10
	var names []string
	for _, c := range classes[:min(len(classes), most)] {
		names = append(names, shown(c))
	}
	if more := len(classes) - most; more > 0 {
		names = append(names, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(names, ", ")
}

// pictures finds the pictures in a class's folder, by the endings of their names.
func (l *listing) pictures(dir string, class uint16) ([]picture, error) {
	files, err := readDir(dir)
	if err != nil {
		return nil, err
	}
	var pictures []picture
	for _, f := range files {
		path, ending := filepath.Join(dir, f.Name()), strings.ToLower(filepath.Ext(f.Name()))
		switch {
		case strings.HasPrefix(f.Name(), "."):
			l.unused(hidden, 1, path)
		case slices.Contains(endings, ending):
			pictures = append(pictures, picture{path, class})
		case isDir(path):
			l.below(path)
		case ending == "":
			l.unused(noEnding, 1, path)
		default:
			l.unused(shown(ending)+" files, which are not read", 1, path)
		}
	}
	if len(pictures) == 0 {
		return nil, fmt.Errorf("the class %s is empty: no %s files among its %d entries", shown(dir), endingsText, len(files))
	}
	return pictures, nil
}

// readDir lists a folder, links followed. What is none is not opened: a pipe would
// be waited for.
func readDir(path string) ([]os.DirEntry, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return nil, fmt.Errorf("%s: is no folder", shown(path))
	}
	return os.ReadDir(path)
}

// isDir reports whether path is a folder, or a link to one.
func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// maxBelow bounds the files that are counted in a folder below a class.
const maxBelow = 1 << 17

// below notes the files in a folder below a class's. Links in it are not followed:
// they may lead back.
func (l *listing) below(dir string) {
	n, first := 0, ""
	_ = filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() { // what cannot be read is not counted
			return nil
		}
		if n++; n == 1 {
			first = path
		}
		if n == maxBelow {
			return filepath.SkipAll
		}
		return nil
	})
	if n == 0 {
		l.unused(emptyFolder, 1, dir)
		return
	}
	l.unused(belowClass, n, first)
}
