package main

import "github.com/spf13/cobra"

func newBench() *cobra.Command {
	c := &cobra.Command{
		Use:     "bench",
		Short:   "Measure the speed of this machine",
		Example: "  tinygrow bench compute --models vgg,resnet18-16\n  tinygrow bench scale --workers 1,2,4,8 --model vgg",
		Args:    commandsOnly,
		RunE:    func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newBenchBox(), newBenchCompute(), newBenchEvent(), newBenchGrowth(), newBenchScale(), newBenchNATS())
	return c
}
