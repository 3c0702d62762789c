package dataset

import (
	"archive/tar"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/tinygrow/tinygrow/proto/file"
)

// tarFormat is WebDataset's: tar files whose members of one name, up to the first dot, are a sample: a picture, by
// its ending, and its class: NAME.cls, a number or a name, or NAME.json with "cls", "label" or "class". Pictures
// in plain tar files are read where they lie; compressed shards are unpacked into memory.
var tarFormat = shardFormat{endings: []string{".tar", ".tar.gz", ".tgz"}, list: listTar}

var webdatasetReader = reader{
	name: "webdataset", title: "WebDataset", sized: true,
	about: "*.tar or *.tar.gz with NAME.jpg and NAME.cls or NAME.json, those of test, val or validation for testing",
	lies:  tarFormat.liesIn, open: tarFormat.open,
}

// Bounds of members that tell classes.
const (
	maxClassText = 1 << 10
	maxClassJSON = 1 << 20
)

// listTar lists the samples of a tar file.
func listTar(name string, b *budget) ([]member, []string, error) {
	f, size, err := file.Open(name)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	t := &tarList{file: name, at: map[string]int{}, budget: b, left: size}
	in := io.Reader(f)
	if !strings.HasSuffix(strings.ToLower(name), ".tar") {
		z, err := gzip.NewReader(f)
		if err != nil {
			return nil, nil, err
		}
		in = z
		t.packed = true
	} else {
		t.f = f
	}
	r := tar.NewReader(in)
	for {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return t.members()
		}
		if err == nil {
			err = t.add(h, r)
		}
		if err != nil {
			return nil, nil, fmt.Errorf("the shard is damaged or cut short behind %d samples: %w", len(t.list), err)
		}
	}
}

// tarList collects the members of a tar file.
type tarList struct {
	file   string
	f      *os.File // nil: it is compressed
	packed bool
	left   int64
	budget *budget
	list   []member
	at     map[string]int // place in list of a name
}

// sample returns that of a name, which is new if need be.
func (t *tarList) sample(key string) *member {
	i, known := t.at[key]
	if !known {
		i = len(t.list)
		t.at[key] = i
		t.list = append(t.list, member{name: path.Join(t.file, key)})
	}
	return &t.list[i]
}

func (t *tarList) add(h *tar.Header, r io.Reader) error {
	if h.Typeflag != tar.TypeReg {
		return nil // folders and links hold no samples
	}
	if h.PAXRecords["GNU.sparse.major"] != "" || h.PAXRecords["GNU.sparse.map"] != "" || h.Typeflag == tar.TypeGNUSparse {
		return fmt.Errorf("%s has holes", shown(h.Name))
	}
	dir, base := path.Split(path.Clean(h.Name))
	key, ending, _ := strings.Cut(base, ".")
	if hides(base) || key == "" {
		return nil
	}
	if len(t.list) > maxInside {
		return ErrTooLarge
	}
	if i := strings.LastIndexByte(ending, '.'); i >= 0 {
		ending = ending[i+1:]
	}
	switch ending = strings.ToLower(ending); {
	case slices.Contains(endings, "."+ending):
		return t.picture(dir+key, "."+ending, h, r)
	case ending == "cls":
		text, err := readMember(r, h.Size, maxClassText)
		if err != nil {
			return err
		}
		return t.class(dir+key, strings.TrimSpace(string(text)))
	case ending == "json":
		text, err := readMember(r, h.Size, maxClassJSON)
		if err != nil {
			return err
		}
		class, err := classOf(text)
		if err != nil {
			return fmt.Errorf("%s: %w", shown(h.Name), err)
		}
		if class != "" {
			return t.class(dir+key, class)
		}
	}
	return nil
}

// readMember reads a member of a bounded size.
func readMember(r io.Reader, size, most int64) ([]byte, error) {
	if size > most {
		return nil, fmt.Errorf("%w: a member of %d bytes: it may have %d", ErrTooLarge, size, most)
	}
	return readBytes(r, size)
}

func (t *tarList) picture(key, ending string, h *tar.Header, r io.Reader) error {
	m := t.sample(key)
	if m.size > 0 {
		return fmt.Errorf("%s is a second picture of its sample", shown(h.Name))
	}
	if h.Size == 0 {
		return fmt.Errorf("%s is empty", shown(h.Name))
	}
	if h.Size > maxFile {
		return fmt.Errorf("%w: %s has %d bytes, a picture may have %d", ErrTooLarge, shown(h.Name), h.Size, int64(maxFile))
	}
	m.name += ending
	m.within = within{file: t.file, at: int64(len(t.list)), size: h.Size}
	if t.f != nil {
		at, err := t.f.Seek(0, io.SeekCurrent)
		m.within.at = at
		return err
	}
	if err := t.budget.take(h.Size); err != nil {
		return err
	}
	var err error
	m.within.data, err = readBytes(r, h.Size)
	return err
}

func (t *tarList) class(key, class string) error {
	m := t.sample(key)
	if m.class != "" && m.class != class {
		return fmt.Errorf("%s is of class %s and of %s", shown(m.name), shown(m.class), shown(class))
	}
	if class == "" {
		return fmt.Errorf("%s: its class is empty", shown(m.name))
	}
	m.class = class
	return nil
}

// classOf returns the class that JSON tells, or nothing.
func classOf(text []byte) (string, error) {
	var fields map[string]any
	d := json.NewDecoder(strings.NewReader(string(text)))
	d.UseNumber()
	if err := d.Decode(&fields); err != nil {
		return "", err
	}
	for _, key := range []string{"cls", "label", "class"} {
		switch v := fields[key].(type) {
		case json.Number:
			return v.String(), nil
		case string:
			return v, nil
		case nil:
		default:
			return "", fmt.Errorf("%q is neither a number nor a name", key)
		}
	}
	return "", nil
}

// members returns the samples, each of which must have a picture and a class.
func (t *tarList) members() ([]member, []string, error) {
	if len(t.list) == 0 {
		return nil, nil, errors.New("there is no picture in it")
	}
	bad := new(faults)
	for i, m := range t.list {
		switch {
		case m.size == 0:
			bad.add(i, fmt.Errorf("sample %s has a class and no picture", shown(path.Base(m.name))))
		case m.class == "":
			bad.add(i, fmt.Errorf("%s has no class: NAME.cls, or NAME.json with \"cls\", \"label\" or \"class\"", shown(path.Base(m.name))))
		}
	}
	return t.list, nil, bad.err()
}
