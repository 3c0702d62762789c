package run

import (
	"bytes"
	"strconv"

	"go.yaml.in/yaml/v3"

	"github.com/tinygrow/tinygrow/deploy/run/config"
	"github.com/tinygrow/tinygrow/growth"
)

// modern rewrites the configuration of a run of a version with more settings of growth:
// those that had the values that are fixed now are left out. What it cannot rewrite it
// leaves as it is, to be told of with all other faults.
func modern(document []byte) []byte {
	var root yaml.Node
	if yaml.Unmarshal(document, &root) != nil || len(root.Content) == 0 {
		return document
	}
	section := child(root.Content[0], "growth")
	if section == nil || child(section, "ridge") == nil {
		return document // it is of this version
	}
	c := growth.DefaultOf(text(child(section, "policy")))
	if samples := child(section, "samples"); number(child(samples, "statistics")) >= 1 {
		c.Samples = int(number(child(samples, "statistics")))
	}
	for _, gated := range []bool{true, false} {
		c.Gate = gated
		f := c.Fixes()
		if within(section, map[string]float64{"samples_per_param": f.SamplesPerParam, "max_refusals": float64(f.MaxRefusals)}) &&
			within(child(section, "gate"), map[string]float64{"significance": f.Gate.Significance, "price": f.Gate.Price,
				"compute_price": f.Gate.ComputePrice}) {
			drop(section, "samples_per_param", "max_refusals")
			set(section, "gate", strconv.FormatBool(gated), "!!bool")
			break
		}
	}
	f := c.Fixes()
	if within(child(section, "samples"), map[string]float64{"newborn": float64(f.Samples.Newborn),
		"amplitude": float64(f.Samples.Amplitude)}) {
		set(section, "samples", strconv.Itoa(c.Samples), "!!int")
	}
	for key, value := range map[string]float64{"min_neurons": float64(f.MinNeurons), "ridge": f.Ridge, "follow": float64(f.Follow),
		"depth_after": 0} {
		if within(section, map[string]float64{key: value}) {
			drop(section, key)
		}
	}
	var out bytes.Buffer
	e := yaml.NewEncoder(&out)
	e.SetIndent(2)
	if e.Encode(&root) != nil || e.Close() != nil {
		return document
	}
	return out.Bytes()
}

// child returns the value of a key of a mapping, or nil.
func child(n *yaml.Node, key string) *yaml.Node {
	if i := place(n, key); i >= 0 {
		return n.Content[i+1]
	}
	return nil
}

// place returns where a key of a mapping is, or -1.
func place(n *yaml.Node, key string) int {
	for i := 0; n != nil && n.Kind == yaml.MappingNode && i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return i
		}
	}
	return -1
}

// text returns what a scalar says; empty if n is none.
func text(n *yaml.Node) string {
	if n == nil || n.Kind != yaml.ScalarNode {
		return ""
	}
	return n.Value
}

// number returns the number of a scalar, or -1.
func number(n *yaml.Node) float64 {
	v := -1.0
	if config.Parse(&v, text(n)) != nil || !(v >= 0 && v <= growth.MaxSamples) {
		return -1
	}
	return v
}

// within reports whether a mapping has all of these numbers.
func within(n *yaml.Node, want map[string]float64) bool {
	for key, value := range want {
		if number(child(n, key)) != value {
			return false
		}
	}
	return true
}

// drop takes keys out of a mapping.
func drop(n *yaml.Node, keys ...string) {
	for _, key := range keys {
		if i := place(n, key); i >= 0 {
			n.Content = append(n.Content[:i:i], n.Content[i+2:]...)
		}
	}
}

// set gives a key of a mapping another value.
func set(n *yaml.Node, key, value, tag string) {
	n.Content[place(n, key)+1] = &yaml.Node{Kind: yaml.ScalarNode, Tag: tag, Value: value}
}
