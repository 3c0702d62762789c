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
	emptyClass  = "folders of classes without files"
	noEnding    = "files without an ending that tells a picture"
)

// litter are folders that systems and archivers leave behind.
var litter = []string{"__MACOSX", "@eaDir", "$RECYCLE.BIN", "System Volume Information", "lost+found"}

// hides reports whether a file or folder of a name is none of the user's pictures.
func hides(name string) bool { return strings.HasPrefix(name, ".") || slices.Contains(litter, name) }

// testNames are what the folder of test pictures may be called; the first that is there counts.
var testNames = []string{Test, "val", "valid", "validation"}

// layout is where the pictures of both splits lie.
type layout struct {
	train string
	test  string // empty: a part of the training pictures is for testing
}

// layoutOf finds out how a folder is laid out: train/CLASS/* and test/CLASS/*, or CLASS/* alone.
func layoutOf(root string) layout {
	lay := layout{train: filepath.Join(root, Train)}
	for _, name := range testNames {
		if dir := filepath.Join(root, name); isDir(dir) || name == Test && isThere(dir) {
			lay.test = dir
			break
		}
	}
	if lay.test == "" && !isThere(lay.train) && hasFolder(root) {
		lay.train = root
	}
	return lay
}

// isThere reports whether anything has the name, a link that leads nowhere too.
func isThere(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// beside notes what lies beside the splits.
func (l *listing) beside(lay layout) {
	entries, err := readDir(l.root)
	if err != nil || lay.train == l.root {
		return
	}
	for _, e := range entries {
		path := filepath.Join(l.root, e.Name())
		switch {
		case hides(e.Name()):
			l.unused(hidden, 1, path)
		case path != lay.train && path != lay.test:
			l.unused(besideSets, 1, path)
		}
	}
}

// classFolder is what lies in the folder of a class.
type classFolder struct {
	name, path string
	files      []string // paths of its pictures
	others     int      // entries that are none
}

// folders finds the folders of the classes in that of a split, and the pictures in them.
func (l *listing) folders(dir string) ([]classFolder, error) {
	entries, err := readDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("there is no %s: the directory given with --data-dir must hold train/CLASS/* and test/CLASS/*", dir)
	}
	if err != nil {
		return nil, err
	}
	var list []classFolder
	var bad faults
	for i, e := range entries {
		path := filepath.Join(dir, e.Name())
		if hides(e.Name()) {
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
		c := classFolder{name: e.Name(), path: path}
		if !utf8.ValidString(c.name) {
			bad.add(i, fmt.Errorf("%s: the name of a class must be UTF-8: rename the folder", shown(path)))
			continue
		}
		bad.add(i, l.pictures(&c))
		list = append(list, c)
	}
	return list, bad.err()
}

// split returns the pictures of class folders, by the classes of the set; owner is
// whose these are.
func (l *listing) split(dir string, list []classFolder) ([]picture, error) {
	var pictures []picture
	var bad faults
	for i, c := range list {
		class := slices.Index(l.set.classes, c.name)
		switch {
		case len(c.files) == 0 && c.others == 0:
			l.unused(emptyClass, 1, c.path)
			continue
		case class < 0:
			bad.add(i, fmt.Errorf("%s: %s is a class of %s, but not of %s, which has %s", shown(c.path), shown(c.name),
				shown(filepath.Base(dir)), l.owner, classList(l.set.classes)))
		case class >= maxClasses:
			bad.add(i, fmt.Errorf("%s: there are more than %d classes", shown(c.path), maxClasses))
		case len(c.files) == 0:
			bad.add(i, fmt.Errorf("the class %s is empty: no %s files among its %d entries", shown(c.path), endingsText, c.others))
		}
		for _, path := range c.files {
			pictures = append(pictures, picture{path: path, class: uint16(max(class, 0))})
		}
	}
	if len(pictures) == 0 && bad.err() == nil {
		bad.add(len(list), fmt.Errorf("%s has no images: there must be folders CLASS with %s files in it", dir, endingsText))
	}
	return pictures, bad.err()
}

// classes takes the classes of the set from the folders of its splits, whose lists
// must agree; test is nil where there is no folder for testing. Classes without a
// file in either are none.
func (l *listing) classes(train, test []classFolder) error {
	var onlyTrain, onlyTest, unlearnt []string
	in := func(list []classFolder, name string) *classFolder {
		if i := slices.IndexFunc(list, func(c classFolder) bool { return c.name == name }); i >= 0 {
			return &list[i]
		}
		return nil
	}
	for _, c := range train {
		other := in(test, c.name)
		full := len(c.files)+c.others > 0
		switch {
		case test != nil && other == nil && full:
			onlyTrain = append(onlyTrain, c.name)
		case other != nil && len(other.files) > 0 && !full:
			unlearnt = append(unlearnt, c.name)
		}
		if full {
			l.set.classes = append(l.set.classes, c.name)
		}
	}
	for _, c := range test {
		if in(train, c.name) == nil && len(c.files)+c.others > 0 {
			onlyTest = append(onlyTest, c.name)
		}
	}
	var bad faults
	if len(onlyTrain)+len(onlyTest) > 0 {
		var parts []string
		for where, names := range map[string][]string{"training": onlyTrain, "testing": onlyTest} {
			if len(names) > 0 {
				parts = append(parts, fmt.Sprintf("only for %s: %s", where, classList(names)))
			}
		}
		slices.Sort(parts)
		bad.add(0, fmt.Errorf("the folders for training and testing differ in their classes: %s; "+
			"an empty folder stands for a class without test pictures", strings.Join(parts, "; ")))
	}
	if len(unlearnt) > 0 {
		bad.add(1, fmt.Errorf("there are test pictures of classes without training pictures: %s", classList(unlearnt)))
	}
	if n := len(l.set.classes); n < 2 && bad.err() == nil {
		bad.add(2, fmt.Errorf("%s has %d classes: there must be at least 2 folders, one for each class", l.root, n))
	}
	return bad.err()
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
func (l *listing) pictures(c *classFolder) error {
	files, err := readDir(c.path)
	if err != nil {
		return err
	}
	for _, f := range files {
		path, ending := filepath.Join(c.path, f.Name()), strings.ToLower(filepath.Ext(f.Name()))
		switch {
		case hides(f.Name()):
			l.unused(hidden, 1, path)
			continue
		case slices.Contains(endings, ending):
			c.files = append(c.files, path)
			continue
		case isDir(path):
			l.below(path)
		case ending == "":
			l.unused(noEnding, 1, path)
		default:
			l.unused(shown(ending)+" files, which are not read", 1, path)
		}
		c.others++
	}
	return nil
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
