// Command owncode trains a network with a layer of its own on data of its own, on as many machines as one
// likes: it is the worker too. Take it as the beginning of a program; deploy/docs/own-code.md goes through it.
//
//	owncode train DIR [nats://HOST:4222]   packs the data, trains and grows, in DIR/run
//	owncode worker nats://HOST:4222        computes for a run, with the layer; the data come from the run
//	owncode predict DIR N                  says what the first N test pictures are
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strconv"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := command(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func command(ctx context.Context, args []string) error {
	switch {
	case len(args) == 2 && args[0] == "train":
		return train(ctx, place{dir: args[1], workers: 1})
	case len(args) == 3 && args[0] == "train":
		return train(ctx, place{dir: args[1], server: args[2]})
	case len(args) == 2 && args[0] == "worker":
		return work(ctx, place{server: args[1]})
	case len(args) == 3 && args[0] == "predict":
		n, err := strconv.Atoi(args[2])
		if err != nil {
			return err
		}
		return predict(ctx, place{dir: args[1]}, n)
	}
	return errors.New("use owncode train DIR [SERVER], owncode worker SERVER, or owncode predict DIR N")
}
