package stat

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

// Main is the main function of a measurement: it runs command with the arguments and a context
// that ends with an interrupt, and tells its error below the given name.
func Main(name string, command func(ctx context.Context, args []string) error) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := command(ctx, os.Args[1:]); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, name+":", err)
		os.Exit(1)
	}
}

// Print writes what was measured as JSON on the standard output.
func Print(report any) error {
	out := json.NewEncoder(os.Stdout)
	out.SetIndent("", " ")
	return out.Encode(report)
}
