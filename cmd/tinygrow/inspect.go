package main

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/tinygrow/tinygrow/coordinator/checkpoint"
	"github.com/tinygrow/tinygrow/growth"
	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/tensor/nn"
	"github.com/tinygrow/tinygrow/worker/dataset"
)

// inspection is what inspect --json prints.
type inspection struct {
	Path        string           `json:"path"`
	Run         proto.RunID      `json:"run,omitempty"`
	Step        proto.Step       `json:"step"`
	Generation  proto.Generation `json:"generation"`
	Graph       *nn.Graph        `json:"architecture"`
	Widths      map[string]int   `json:"widths"`
	Params      int              `json:"params"`
	FLOPs       int64            `json:"flops_per_sample"` // forward
	ModelSHA256 string           `json:"model_sha256"`
	// Sites and DryRun need data.
	Sites  []growth.SiteRecord `json:"sites,omitempty"`
	DryRun *growth.Record      `json:"dry_run,omitempty"`
}

func newInspect() *cobra.Command {
	var asJSON, dryRun bool
	c := &cobra.Command{
		Use:   "inspect RUN|CHECKPOINT",
		Short: "Show the architecture of a saved model and, with data, its bottlenecks",
		Long: `Shows architecture, widths, parameters and FLOPs per sample of a saved model. With --data it also measures
bottleneck (Psi^2) and spectrum at every site where neurons could be added; with --dry-run it goes through a
whole growth event and says what would grow where, at what gain and cost. It changes nothing.`,
		Example: `  tinygrow inspect runs/shapes-1 --json
  tinygrow inspect runs/a --data cifar10 --data-dir ~/cifar --dry-run`,
		Args: oneArg("RUN|CHECKPOINT"),
	}
	src := newSource(c, dataFlags, threadsFlag, policyFlag)
	c.Flags().BoolVar(&dryRun, "dry-run", false, "decide on growth without growing; uses the run's data set unless --data names another")
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON object on stdout")
	c.RunE = func(c *cobra.Command, args []string) error {
		s, err := openSaved(args[0])
		if err != nil {
			return err
		}
		g := s.model.Graph
		out := inspection{Path: s.path, Generation: proto.Generation(g.Generation), Graph: g, Widths: widthsOf(g), Params: g.NumParams(),
			FLOPs: g.FLOPs(), ModelSHA256: checkpoint.ModelSHA256(s.model)}
		if s.state != nil {
			out.Run, out.Step = s.state.Run, s.state.Step
		}
		if c.Flags().Changed("data") || dryRun {
			if err := out.measure(c, src, args[0], dryRun); err != nil {
				return err
			}
		}
		if asJSON {
			return json.NewEncoder(c.OutOrStdout()).Encode(out)
		}
		return out.print(c.OutOrStdout())
	}
	return c
}

// measure runs a growth event that changes nothing.
func (out *inspection) measure(c *cobra.Command, src *source, path string, dryRun bool) error {
	s, set, err := openWithData(src, path)
	if err != nil {
		return err
	}
	info := growth.EventInfo{Step: uint64(out.Step), Seed: s.base.Train.Seed, TrainSamples: set.Len(dataset.Train), MicroShard: s.base.Train.MicroShard}
	l := s.local(set)
	o, err := l.Grow(c.Context(), s.model, growth.NewInspection(s.base.Growth, s.model, info), info)
	if err != nil {
		return err
	}
	out.Sites = o.Record.Sites
	if !dryRun {
		return nil
	}
	cfg := s.base.Growth
	cfg.DryRun = true
	if o, err = l.Grow(c.Context(), s.model, growth.NewEvent(cfg, s.model, nil, info), info); err != nil {
		return err
	}
	out.DryRun = o.Record
	return nil
}

func (out *inspection) print(to io.Writer) error {
	shapes, err := out.Graph.Shapes()
	if err != nil {
		return err
	}
	w := newTable(to)
	fmt.Fprintf(w, "%s: step %d, generation %d, %s parameters, %s FLOPs a sample\n", out.Path, out.Step, out.Generation, thousands(out.Params), thousands(int(out.FLOPs)))
	fmt.Fprintln(w, "node\toperation\tinputs\toutput")
	for _, n := range out.Graph.Nodes {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", n.ID, n.Op, joinIDs(n.Inputs), shapeText(shapes[n.ID]))
	}
	if len(out.Sites) > 0 {
		fmt.Fprintln(w, "\nsite\twidth\tPsi^2\tbottleneck\tlargest lambdas\tnote")
		for _, s := range out.Sites {
			fmt.Fprintf(w, "%s\t%d\t%.4g\t%.1f %%\t%.3g\t%s\n", s.Site, s.Width, float64(s.Psi2), 100*float64(s.Share), s.Spectrum[:min(4, len(s.Spectrum))], s.Reason)
		}
	}
	if r := out.DryRun; r != nil {
		fmt.Fprintf(w, "\nwould %s: %s\n", r.Decision, r.Why)
		for _, g := range r.Grown {
			fmt.Fprintf(w, "%s\t+%d parameters\n", g.Sentence, g.Params)
		}
	}
	return w.Flush()
}

// widthsOf returns the outputs of every convolution and linear layer but the last.
func widthsOf(g *nn.Graph) map[string]int {
	w := map[string]int{}
	for i := range g.Nodes {
		if n := &g.Nodes[i]; (n.Op == nn.OpConv || n.Op == nn.OpLinear) && n.ID != g.Output().ID {
			w[string(n.ID)] = n.Out
		}
	}
	return w
}

func joinIDs(ids []nn.NodeID) string {
	text := ""
	for i, id := range ids {
		if i > 0 {
			text += " "
		}
		text += string(id)
	}
	return text
}
