package main

import "github.com/spf13/cobra"

func newData() *cobra.Command {
	c := &cobra.Command{
		Use:     "data",
		Short:   "Get, show, verify and pack data sets",
		Example: "  tinygrow data get cifar10\n  tinygrow data verify --data cifar10 --data-dir ~/cifar",
		Args:    commandsOnly,
		RunE:    func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newDataGet(), newDataShow(), newDataVerify(), newDataPack())
	return c
}
