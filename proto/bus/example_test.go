package bus_test

import (
	"context"
	"fmt"

	"github.com/tinygrow/tinygrow/proto/bus"
)

// Two participants of the in-memory bus.
func Example() {
	hub := bus.NewHub(0)
	here, there := hub.Connect(), hub.Connect()
	defer here.Close()
	defer there.Close()
	got := make(chan string)
	if _, err := there.Subscribe("news.>", func(m *bus.Message) { got <- m.Subject + ": " + string(m.Data) }); err != nil {
		fmt.Println(err)
		return
	}
	if _, err := there.Subscribe("double", func(m *bus.Message) { m.Respond(append(m.Data, m.Data...)) }); err != nil {
		fmt.Println(err)
		return
	}
	if err := here.Publish("news.weather", []byte("rain")); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(<-got)
	answer, err := here.Request(context.Background(), "double", []byte("ab"))
	fmt.Println(string(answer), err)
	// Output:
	// news.weather: rain
	// abab <nil>
}
