package metrics

import (
	"encoding/json"
)

// Record is a line of the metrics, as it is written in JSON.
type Record map[string]json.RawMessage

// Kind returns the kind of a line, empty where it has none.
func (r Record) Kind() string {
	var kind string
	if json.Unmarshal(r["kind"], &kind) != nil {
		return ""
	}
	return kind
}

// Reader makes lines whole that follow one another.
type Reader struct {
	before Record // the last line of a step, whole
}

// Read returns a line with what it leaves out. The first lines that are read may
// still lack what stands in lines before them.
func (r *Reader) Read(text []byte) (Record, error) {
	var line Record
	if err := json.Unmarshal(text, &line); err != nil {
		return nil, err
	}
	if line.Kind() != KindStep {
		return line, nil
	}
	for key, value := range r.before {
		if _, there := line[key]; !there {
			line[key] = value
		}
	}
	r.before = line
	return line, nil
}
