package bus_test

import (
	"context"
	"fmt"

	"github.com/tinygrow/tinygrow/proto/bus"
)

// Two participants meet in this process. With natsbus imported and the address of
// a NATS server the same lines reach other machines.
func ExampleOpen() {
	a, err := bus.Open(bus.Options{URL: "mem://example"})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer a.Close()
	b, err := bus.Open(bus.Options{URL: "mem://example"})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer b.Close()
	if _, err := a.Subscribe("greet.*", func(m *bus.Message) { m.Respond([]byte("hello from " + m.Subject)) }); err != nil {
		fmt.Println(err)
		return
	}
	answer, err := b.Request(context.Background(), "greet.world", nil)
	fmt.Println(string(answer), err)
	// Output: hello from greet.world <nil>
}
