package proto_test

import (
	"errors"
	"fmt"

	"github.com/tinygrow/tinygrow/proto"
)

// A message that was damaged on its way is told from one that was sent.
func Example() {
	data, err := proto.Marshal(&proto.Refusal{Head: proto.Head{Run: "cifar"}, Why: proto.TakenID, Text: "another worker goes by that id"})
	if err != nil {
		fmt.Println(err)
		return
	}
	var m proto.Refusal
	fmt.Println(proto.Decode(data, &m), m.Run, m.Why, m.Text)
	data[len(data)/2] ^= 1
	fmt.Println(errors.Is(proto.Decode(data, &m), proto.ErrDamaged))
	// Output:
	// <nil> cifar id another worker goes by that id
	// true
}

// The values of micro-shards come in any order and are added in that of the
// canonical tree.
func ExampleFold() {
	f := proto.NewFold(4, func(left, right string) string { return "(" + left + "+" + right + ")" })
	for _, b := range []proto.Block{{Lo: 3, Hi: 4}, {Lo: 0, Hi: 1}, {Lo: 2, Hi: 3}, {Lo: 1, Hi: 2}} {
		if err := f.Put(b, fmt.Sprint(b.Lo)); err != nil {
			fmt.Println(err)
		}
	}
	fmt.Println(f.Root())
	// Output: ((0+1)+(2+3)) true
}
