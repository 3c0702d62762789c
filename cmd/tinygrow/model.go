package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tinygrow/tinygrow/deploy/run"
	"github.com/tinygrow/tinygrow/tensor/nn"
)

// modelHelp is what one has to know to write a network.
const modelHelp = `A network of one's own is a YAML file that --model takes:

  parameters: {width: 16}
  blocks:
    basic:
      parameters: {out: , stride: 1}
      layers:
        conv1: {conv2d: {out: out, kernel: 3, stride: stride, padding: 1, bias: false}}
        bn1: batchnorm
        relu1: relu
        conv2: {conv2d: {out: out, kernel: 3, padding: 1, bias: false}}
        bn2: batchnorm
        shortcut: {conv2d: {out: out, kernel: 1, stride: stride}, input: input, if: stride != 1 || input.channels != out}
        add: {add: , input: [bn2, shortcut]}
        relu2: relu
  layers:
    conv1: {conv2d: {out: width, kernel: 3, padding: 1}}
    layer1: {basic: {out: width}, repeat: 3}
    layer2: {basic: {out: width * 2}, repeat: 3, first: {stride: 2}}
    pool: globalavgpool
    flatten: flatten
    fc: {linear: {out: classes}}

A layer reads the one before it, or those that input names: a layer, a list, previous, or input, which is what the
block or the network reads. What if turns off hands its input on; repeat makes instances in a row, of which the first
takes first over what all are given; a group is layers of its own beside repeat and if, and prefix: "" leaves its name
out of theirs. Expressions have + - * / %, comparisons, && || !, min, max, len, list[index], where(condition, a, b), and
know parameters, classes, index, and channels, height and width of layers (input.channels). In braces, those with commas
need quotes. loss, input: {channels: 3, height: 32, width: 32} and classes: 10 may stand beside layers.

Layers, and what they are given:
`

func newModel() *cobra.Command {
	c := &cobra.Command{
		Use:   "model",
		Short: "Show, check and write networks: those of the zoo, of files, and of runs",
		Long: "Shows networks as files, checks files, and tells layers, shapes, parameters and what may grow.\n\n" +
			modelHelp + kindsHelp(),
		Example: `  tinygrow model print resnet20 --source > net.yaml
  tinygrow model check net.yaml --input 3x64x64 --classes 100
  tinygrow model summary runs/a`,
		Args: commandsOnly, RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newModelPrint(), newModelCheck(), newModelSummary())
	return c
}

// kindsHelp lists all kinds of layers with their words.
func kindsHelp() string {
	var b strings.Builder
	for _, k := range nn.Kinds() {
		fmt.Fprintf(&b, "  %-16s %s\n", k.Op, strings.Join(k.Words, ", "))
	}
	return b.String()
}

// looked is a command about one network.
type looked struct {
	src            *source
	input          string
	classes        int
	source, asJSON bool
}

// look adds the flags that say what a network is looked at with.
func (l *looked) look(c *cobra.Command) *cobra.Command {
	l.src = newSource(c)
	c.Args = oneArg("NAME|FILE|RUN")
	c.ValidArgsFunction = completeNetworks
	c.Flags().StringVar(&l.input, "input", "", "`CxHxW` of the samples (default: what the file says, else 3x32x32)")
	c.Flags().IntVar(&l.classes, "classes", 0, "`number` of classes (default: what the file says, else 10)")
	return c
}

func (l *looked) open(what string) (*run.Network, error) {
	with := run.For{Classes: l.classes}
	if l.classes < 0 {
		return nil, usagef("--classes %d: must be at least 1", l.classes)
	}
	if l.input != "" {
		var err error
		if with.Input, err = run.ParseShape(l.input); err != nil {
			return nil, usagef("--input %s: %w", l.input, err)
		}
	}
	return l.src.given().Network(what, with)
}

func newModelPrint() *cobra.Command {
	var l looked
	c := l.look(&cobra.Command{
		Use:   "print NAME|FILE|RUN",
		Short: "Write a network as a file, a line a layer",
		Long: `Writes a network as a file that --model takes: one of the zoo, what a file comes to, or what a run has grown to.
With --source a network of the zoo is written as it stands there, with its blocks and parameters.`,
		Example: `  tinygrow model print runs/a > grown.yaml
  tinygrow model print resnet20 --source > net.yaml`,
	})
	c.Flags().BoolVar(&l.source, "source", false, "write the zoo's own text")
	c.RunE = func(c *cobra.Command, args []string) error {
		if l.source {
			text, ok := nn.Source(args[0])
			if !ok {
				return usagef("--source is of the zoo: %s", strings.Join(nn.Zoo, ", "))
			}
			_, err := io.WriteString(c.OutOrStdout(), text)
			return err
		}
		n, err := l.open(args[0])
		if err != nil {
			return err
		}
		text, err := nn.Print(n.Graph)
		if err != nil {
			return err
		}
		_, err = io.WriteString(c.OutOrStdout(), text)
		return err
	}
	return c
}

func newModelCheck() *cobra.Command {
	var l looked
	c := l.look(&cobra.Command{
		Use:     "check NAME|FILE|RUN",
		Short:   "Tell what is wrong with the file of a network; nothing if it is right",
		Example: `  tinygrow model check net.yaml --input 1x28x28`,
	})
	c.RunE = func(_ *cobra.Command, args []string) error {
		_, err := l.open(args[0])
		return err
	}
	return c
}

func newModelSummary() *cobra.Command {
	var l looked
	c := l.look(&cobra.Command{
		Use:   "summary NAME|FILE|RUN",
		Short: "List layers with shapes, parameters, FLOPs, and which may grow",
		Long: `Lists the layers of a network with the shape of what they give, parameters, FLOPs of a sample's forward pass, and the
site at which they may grow, or why they cannot.`,
		Example: `  tinygrow model summary vgg --set model.widths=[8,16,32]
  tinygrow model summary net.yaml --json`,
	})
	c.Flags().BoolVar(&l.asJSON, "json", false, "print one JSON object on stdout")
	c.RunE = func(c *cobra.Command, args []string) error {
		n, err := l.open(args[0])
		if err != nil {
			return err
		}
		s, err := n.Summary()
		if err != nil {
			return err
		}
		if l.asJSON {
			return json.NewEncoder(c.OutOrStdout()).Encode(s)
		}
		return printSummary(c.OutOrStdout(), s)
	}
	return c
}

func printSummary(to io.Writer, s *run.Summary) error {
	w := newTable(to)
	fmt.Fprintln(w, "layer\toperation\treads\tgives\tparameters\tFLOPs\tgrows")
	for i, l := range s.Layers {
		reads := ""
		if len(l.Inputs) != 1 || l.Inputs[0] != s.Layers[i-1].Name {
			reads = joinIDs(l.Inputs)
		}
		grows := l.Why
		switch {
		case l.Site == "":
		case string(l.Site) == string(l.Name):
			grows = "yes"
			if l.Unsolved != "" {
				grows += "; " + l.Unsolved
			}
		default:
			grows = "with " + string(l.Site)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", l.Name, l.Op, reads, l.Output, orNothing(l.Params), orNothing(int(l.FLOPs)), grows)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(to, "%s: %d layers, %s parameters, %s FLOPs a sample, %d sites where it may grow\n", s.Name, len(s.Layers)-1,
		thousands(s.Params), thousands(int(s.FLOPs)), len(s.Sites))
	if err != nil {
		return err
	}
	ways := s.Ways
	_, err = fmt.Fprintf(to, "%.6g ways through it, of %.3g activations on average, the shortest of %d layers and additions;\n"+
		"optim.arch.rule makes the learning rate that of one activation times %.3g (path_sum) or %.3g (min_path)\n", ways.Count, ways.Depth,
		ways.Shortest, ways.PathSum, ways.MinPath)
	return err
}

// orNothing writes a number with its thousands apart, 0 as nothing.
func orNothing(n int) string {
	if n == 0 {
		return ""
	}
	return thousands(n)
}

// completeNetworks offers the zoo, files of networks, and runs.
func completeNetworks(c *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var list []string
	for _, name := range nn.Zoo {
		if strings.HasPrefix(name, begun) {
			list = append(list, name)
		}
	}
	folder, _ := filepath.Split(begun)
	entries, _ := os.ReadDir(filepath.Join(".", folder)) // none where it cannot be read
	for _, e := range entries {
		if name := folder + e.Name(); nn.IsFile(name) && strings.HasPrefix(name, begun) && len(list) < most {
			list = append(list, name)
		}
	}
	runs, directive := completeRuns(c, args, begun)
	return append(list, runs...), directive
}
