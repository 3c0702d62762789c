package main

import (
	"fmt"
	"strings"
)

// network is one of the grid, as the YAML of --model.
type network struct{ name, text string }

// The networks are all without normalisation; sums are of layers, each with its own edge.
func networks() []network {
	list := []network{mlp("way of 1", 1), mlp("way of 2", 2), mlp("way of 3", 3), mlp("way of 5", 5), mlp("way of 8", 8)}
	list = append(list,
		dag("ways of 1 and 4", []int{1}, []int{2}, []int{3}, []int{0, 4}),
		dag("ways of 2, 3 and 4", []int{1}, []int{1, 2}, []int{2, 3}),
		dag("all edges between 5 sums", []int{1}, []int{1, 2}, []int{1, 2, 3}, []int{1, 2, 3, 4}))
	for _, k := range []int{1, 3, 5, 7} {
		list = append(list, cnn(fmt.Sprintf("2 convolutions of %d", k), 2, k))
	}
	return append(list, cnn("4 convolutions of 3", 4, 3), cnn("4 convolutions of 7", 4, 7))
}

const width = 64

func mlp(name string, depth int) network {
	var rows [][]int
	for i := range depth - 1 {
		rows = append(rows, []int{i + 1})
	}
	return dag(name, rows...)
}

// dag is a network of vertices, each the ReLU of a sum of linear layers of earlier ones;
// vertex 0 is the image, 1 a layer of it. rows[i] are what vertex i+2 reads.
func dag(name string, rows ...[]int) network {
	var b strings.Builder
	b.WriteString("layers:\n  v0: flatten\n")
	for i, row := range append([][]int{{0}}, rows...) {
		var terms []string
		for _, from := range row {
			id := fmt.Sprintf("edge%d_%d", from, i+1)
			fmt.Fprintf(&b, "  %s: {linear: {out: %d}, input: v%d}\n", id, width, from)
			terms = append(terms, id)
		}
		last := terms[0]
		if len(terms) > 1 {
			last = fmt.Sprintf("sum%d", i+1)
			fmt.Fprintf(&b, "  %s: {add: , input: [%s]}\n", last, strings.Join(terms, ", "))
		}
		fmt.Fprintf(&b, "  v%d: {relu: , input: %s}\n", i+1, last)
	}
	fmt.Fprintf(&b, "  fc: {linear: {out: classes}, input: v%d}\n", len(rows)+1)
	return network{name, b.String()}
}

// cnn is a chain of convolutions of one size of kernel and stride 2, averaged.
func cnn(name string, depth, kernel int) network {
	var b strings.Builder
	b.WriteString("layers:\n")
	for i := range depth {
		fmt.Fprintf(&b, "  conv%d: {conv2d: {out: 12, kernel: %d, stride: %d, padding: %d, bias: true}}\n  relu%d: relu\n", i+1, kernel,
			min(2, depth-i), kernel/2, i+1)
	}
	b.WriteString("  pool: globalavgpool\n  fc: {linear: {out: classes}}\n")
	return network{name, b.String()}
}

// residual is what grows in depth: a stage of one block.
const residual = `layers:
  flatten: flatten
  fc1: {linear: {out: 64}}
  relu1: relu
  layer1:
    layers:
      "0":
        layers:
          fc1: {linear: {out: 16}}
          relu1: relu
          fc2: {linear: {out: 64}}
          add: {add: , input: [fc2, input]}
          relu2: relu
  fc: {linear: {out: classes}}
`
