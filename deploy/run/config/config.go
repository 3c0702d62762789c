package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Prefix begins the names of the environment variables that are read.
const Prefix = "TINYGROW_"

// Faults is every fault found, in the order of the sources.
type Faults []error

// Error lists the faults, one a line.
func (f Faults) Error() string {
	lines := make([]string, len(f))
	for i, err := range f {
		lines[i] = err.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap returns the faults for errors.Is and errors.As.
func (f Faults) Unwrap() []error { return f }

// Add appends the faults in err: those it joins one by one, or err itself.
func (f *Faults) Add(err error) {
	if err == nil {
		return
	}
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		*f = append(*f, err)
		return
	}
	for _, inner := range joined.Unwrap() {
		f.Add(inner)
	}
}

// Err returns nil when there is no fault.
func (f Faults) Err() error {
	if len(f) == 0 {
		return nil
	}
	return f
}

// Decode sets the fields of the struct that dst points to from a YAML document;
// what the document leaves out stays as it is. name is the file's name for
// messages. Fields without a fault are set even when others have one.
func Decode(dst any, name string, document []byte) error {
	return decode(dst, name, document, nil)
}

// DecodeWhole does the same with a document that must have every key that required
// names.
func DecodeWhole(dst any, name string, document []byte, required func(key string) bool) error {
	seen := map[string]bool{}
	faults := Faults{}
	faults.Add(decode(dst, name, document, seen))
	var missing []string
	for _, key := range Keys(dst) {
		if required(key) && !seen[key] {
			missing = append(missing, key)
		}
	}
	if n := len(missing); n > 5 {
		missing = append(missing[:4], fmt.Sprintf("%d more", n-4))
	}
	if len(missing) > 0 {
		faults = append(faults, fmt.Errorf("%s: keys are missing: %s", name, strings.Join(missing, ", ")))
	}
	return faults.Err()
}

// decode sets fields from a document, and marks its keys in seen if that is not nil.
func decode(dst any, name string, document []byte, seen map[string]bool) error {
	root, err := single(document)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if len(root.Content) == 0 {
		return nil
	}
	d := decoder{known: Keys(dst), where: func(n *yaml.Node) string { return fmt.Sprintf("%s:%d", name, n.Line) }, seen: seen}
	d.section(reflect.ValueOf(dst).Elem(), root.Content[0], "")
	return d.faults.Err()
}

// single returns the one document of a text.
func single(text []byte) (root yaml.Node, err error) {
	d := yaml.NewDecoder(bytes.NewReader(text))
	if err := d.Decode(&root); err != nil && !errors.Is(err, io.EOF) {
		return root, errors.New(strings.TrimPrefix(err.Error(), "yaml: "))
	}
	var more yaml.Node
	switch err := d.Decode(&more); {
	case errors.Is(err, io.EOF):
		return root, nil
	case err != nil:
		return root, errors.New(strings.TrimPrefix(err.Error(), "yaml: "))
	}
	return root, fmt.Errorf("a second document begins on line %d: put all keys into one", more.Line)
}

// Source names the place that settings come from, as a file or --set.
type Source string

// Set sets one key to a value in YAML's notation; source names the place it
// comes from, as "--set".
func Set(dst any, source Source, key, value string) error {
	d := decoder{known: Keys(dst), where: func(*yaml.Node) string { return string(source) }}
	target, ok := lookup(reflect.ValueOf(dst).Elem(), key)
	if !ok {
		d.unknown(nil, key)
		return d.faults.Err()
	}
	if target.Kind() == reflect.String {
		target.SetString(value) // YAML's rules for ~, # and quotes do not hold here
		return nil
	}
	if k := target.Kind(); k != reflect.Slice && k != reflect.Map && k != reflect.Struct {
		fresh := reflect.New(target.Type()).Elem()
		if why := parse(fresh, strings.TrimSpace(value)); why != "" {
			return fmt.Errorf("%s: %s: %s", source, key, why)
		}
		target.Set(fresh)
		return nil
	}
	document, err := single([]byte(value))
	if err != nil {
		return fmt.Errorf("%s: %s: %q is not a value: %w", source, key, value, err)
	}
	node := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str"}
	if len(document.Content) > 0 {
		node = document.Content[0]
	}
	if section(target.Type()) && node.Kind != yaml.MappingNode {
		return fmt.Errorf("%s: %s is a section: set one of its keys, as %s", source, key, d.inside(key))
	}
	d.value(target, node, key)
	return d.faults.Err()
}

// Setting sets one key from text of the form key=value.
func Setting(dst any, source Source, text string) error {
	key, value, ok := strings.Cut(text, "=")
	if !ok {
		return fmt.Errorf("%s: %q must be key=value, as optim.lr=0.1", source, text)
	}
	return Set(dst, source, strings.TrimSpace(key), value)
}

// orchestrator matches the variables that Kubernetes and Docker links add for a
// service whose name begins with tinygrow.
var orchestrator = regexp.MustCompile(`_(SERVICE_(HOST|PORT.*)|PORT(_\d+_(TCP|UDP).*)?|NAME)$`)

// Environment sets keys from variables that begin with Prefix; an empty variable
// is as good as none. reserved lists variables that are no keys, as TINYGROW_ISA.
func Environment(dst any, environ, reserved []string) error {
	names := map[string]string{}
	for _, key := range Keys(dst) {
		names[Variable(key)] = key
	}
	var faults Faults
	environ = slices.Sorted(slices.Values(environ))
	for _, entry := range environ {
		name, value, _ := strings.Cut(entry, "=")
		if !strings.HasPrefix(name, Prefix) || value == "" || slices.Contains(reserved, name) {
			continue
		}
		if key, ok := names[name]; ok {
			faults.Add(Set(dst, Source(name), key, value))
			continue
		}
		if orchestrator.MatchString(name) {
			continue
		}
		faults = append(faults, fmt.Errorf("environment: unknown variable %s%s", name, meantVariable(name, Keys(dst), reserved)))
	}
	return faults.Err()
}

// Variable returns the environment variable of a key.
func Variable(key string) string {
	return Prefix + strings.ToUpper(strings.NewReplacer(".", "_", "-", "_").Replace(key))
}

// Encode writes the struct that v points to as a YAML document that Decode reads.
func Encode(v any) ([]byte, error) {
	var text strings.Builder
	e := yaml.NewEncoder(&text)
	e.SetIndent(2)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return []byte(text.String()), e.Close()
}

// Get returns the value of a key of the struct that v points to in YAML's
// notation, or "" if there is no such key.
func Get(v any, key string) string {
	value, ok := lookup(reflect.ValueOf(v).Elem(), key)
	if !ok {
		return ""
	}
	var node yaml.Node
	if node.Encode(value.Interface()) != nil {
		return ""
	}
	if node.Kind == yaml.ScalarNode {
		return node.Value
	}
	node.Style = yaml.FlowStyle
	out, err := yaml.Marshal(&node)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(out))
}

// EncodeJSON writes the struct that v points to as a JSON object with the keys of Encode.
func EncodeJSON(v any) ([]byte, error) {
	document, err := Encode(v)
	if err != nil {
		return nil, err
	}
	var plain map[string]any
	if err := yaml.Unmarshal(document, &plain); err != nil {
		return nil, err
	}
	text, err := json.MarshalIndent(plain, "", "  ")
	return append(text, '\n'), err
}
