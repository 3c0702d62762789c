package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
)

// asItIs and twice are how the plan calls its rows.
const (
	asItIs = "as it is"
	twice  = " twice as wide"
)

// line is the part of a line of the campaign's results that counts here.
type line struct {
	Network  string
	Budget   float64
	Policy   string
	Seed     uint64
	Set      map[string]string
	Accuracy float64 `json:"test_accuracy"`
}

// read returns the networks of a file of results with the worth of their layers. A
// layer counts with the seeds that it and the network as it is have both.
func read(path string) ([]Network, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("%w: make it by go run ./deploy/bench/campaign -plan where", err)
	}
	byNetwork := map[string]map[string]map[uint64]line{} // then by row, then by seed
	var order []string
	lines := bufio.NewScanner(bytes.NewReader(raw))
	lines.Buffer(nil, 1<<24)
	for n := 1; lines.Scan(); n++ {
		var l line
		if err := json.Unmarshal(lines.Bytes(), &l); err != nil {
			return nil, fmt.Errorf("%s:%d: %w", path, n, err)
		}
		rows := byNetwork[l.Network]
		if rows == nil {
			rows = map[string]map[uint64]line{}
			byNetwork[l.Network] = rows
			order = append(order, l.Network)
		}
		if rows[l.Policy] == nil {
			rows[l.Policy] = map[uint64]line{}
		}
		rows[l.Policy][l.Seed] = l
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	var networks []Network
	for _, name := range order {
		if n := worth(byNetwork[name]); len(n.Sites) > 1 {
			n.Name = name
			networks = append(networks, n)
		}
	}
	if len(networks) == 0 {
		return nil, fmt.Errorf("%s: no network has runs as it is and with two layers or more twice as wide: "+
			"make them by go run ./deploy/bench/campaign -plan where", path)
	}
	return networks, nil
}

// worth returns a network with the layers that were twice as wide.
func worth(rows map[string]map[uint64]line) (n Network) {
	base := rows[asItIs]
	for _, seed := range slices.Sorted(maps.Keys(base)) {
		n.Accuracy = append(n.Accuracy, base[seed].Accuracy)
		n.Budget, n.set = base[seed].Budget, base[seed].Set
	}
	for _, row := range slices.Sorted(maps.Keys(rows)) {
		layer, found := strings.CutSuffix(row, twice)
		s := Site{Layer: layer, Scores: map[string]float64{}}
		sum := 0.0
		for _, seed := range slices.Sorted(maps.Keys(rows[row])) {
			if was, both := base[seed]; both {
				wide := rows[row][seed].Accuracy
				s.Accuracy = append(s.Accuracy, wide)
				s.set = rows[row][seed].Set
				sum += wide - was.Accuracy
			}
		}
		if found && len(s.Accuracy) > 0 {
			s.Worth = sum / float64(len(s.Accuracy))
			n.Sites = append(n.Sites, s)
		}
	}
	return n
}
