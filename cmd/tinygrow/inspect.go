package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"github.com/tinygrow/tinygrow/growth/site"

	"github.com/spf13/cobra"

	"github.com/tinygrow/tinygrow/coordinator/checkpoint"
	"github.com/tinygrow/tinygrow/deploy/run"
	"github.com/tinygrow/tinygrow/growth"
	"github.com/tinygrow/tinygrow/growth/prune"
	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/tensor/nn"
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
	// Card is nil for models of earlier versions.
	Card *nn.Card `json:"card,omitempty"`
	// Streams are the sites that several layers write or read, Fixed the layers that
	// belong to no site.
	Streams []site.Site  `json:"streams,omitempty"`
	Fixed   []site.Fixed `json:"fixed,omitempty"`
	// Births tell of a run that grew how the neurons of each event learn.
	Births []growth.BirthGroup `json:"births,omitempty"`
	// Gates are those that learn at that step of a run, if some do: how far each is open, 0 to 1.
	Gates []prune.Scores `json:"gates,omitempty"`
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
whole growth event and says what would grow where, at what gain and cost: of a checkpoint of a run, exactly what
the run's next event would decide at that step. Of a run that grew it tells how fast the neurons of each event
still learn: by how much their incoming weights turned towards its end, beside the oldest ones. It changes nothing.`,
		Example: `  tinygrow inspect runs/shapes-1 --json
  tinygrow inspect runs/a --data cifar10 --data-dir ~/cifar --dry-run`,
		Args: oneArg("RUN|CHECKPOINT"),
	}
	src := newSource(c, dataFlags, threadsFlag, policyFlag)
	c.Flags().BoolVar(&dryRun, "dry-run", false, "decide on growth without growing; uses the run's data set unless --data names another")
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON object on stdout")
	c.RunE = func(c *cobra.Command, args []string) error {
		s, err := run.Open(args[0])
		if err != nil {
			return err
		}
		g := s.Model.Graph
		out := inspection{Path: s.Path, Generation: proto.Generation(g.Generation), Graph: g, Widths: g.Widths(), Params: g.NumParams(),
			FLOPs: g.FLOPs(), ModelSHA256: checkpoint.ModelSHA256(s.Model), Card: s.Card, Streams: site.Streams(g),
			Fixed: site.FixedWidths(g)}
		if s.State != nil {
			out.Run, out.Step = s.State.Run, s.State.Step
		}
		if out.Births, err = s.Births(); err != nil {
			return err
		}
		if out.Gates, err = s.Gates(); err != nil {
			return err
		}
		measures := dryRun || slices.ContainsFunc(dataFlags, func(f keyFlag) bool { return c.Flags().Changed(f.name) })
		allowed := run.Nothing
		if measures {
			allowed = run.Sections("data.", "growth.")
		}
		if err := s.Give(src.given(), allowed); err != nil {
			return err
		}
		if measures {
			con := newConsole(c.ErrOrStderr())
			s.Settings.Data.Progress = con.reading
			out.Sites, out.DryRun, err = s.Foretell(c.Context(), dryRun)
			if con.end(); err != nil {
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

func (out *inspection) print(to io.Writer) error {
	shapes, err := out.Graph.Shapes()
	if err != nil {
		return err
	}
	w := newTable(to)
	fmt.Fprintf(w, "%s: step %d, generation %d, %s parameters, %s FLOPs a sample\n", out.Path, out.Step, out.Generation,
		thousands(out.Params), thousands(int(out.FLOPs)))
	if c := out.Card; c != nil {
		reads, tells := "bytes", "classes"
		if c.Table != nil {
			reads, tells = "features", "outputs"
		}
		fmt.Fprintf(w, "trained on %s, digest %.16s; %s are normalised by mean %.4g and deviation %.4g; %s %s\n",
			c.Data, c.Digest, reads, c.Mean, c.Std, tells, c.ClassList())
		if c.StandIn {
			fmt.Fprintln(w, "not trained: workers stood in for computing (worker.stand_in)")
		}
		if c.Averaged {
			fmt.Fprintln(w, "the weights are the moving average over the last steps of its training")
		}
	}
	fmt.Fprintln(w, "node\toperation\tinputs\toutput")
	for _, n := range out.Graph.Nodes {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", n.ID, n.Op, joinIDs(n.Inputs), shapes[n.ID])
	}
	if len(out.Streams) > 0 {
		fmt.Fprintln(w, "\nstream\twidth\twritten by\tread by")
		for _, s := range out.Streams {
			fmt.Fprintf(w, "%s\t%d\t%s\t%s\n", s.ID, s.Width(out.Graph), joinIDs(s.Writers), joinIDs(s.Readers))
		}
	}
	for _, f := range out.Fixed {
		if !slices.Contains(f.Writers, out.Graph.Output().ID) {
			fmt.Fprintf(w, "\n%s cannot grow: %s\n", joinIDs(f.Writers), f.Why)
		}
	}
	if len(out.Births) > 0 {
		printBirths(w, out.Births)
	}
	if len(out.Gates) > 0 {
		printGates(w, out.Gates)
	}
	if len(out.Sites) > 0 {
		fmt.Fprintln(w, "\nsite\twidth\tPsi^2\tbottleneck\tlargest lambdas\tnote")
		for _, s := range out.Sites {
			fmt.Fprintf(w, "%s\t%d\t%.4g\t%s\t%.3g\t%s\n", s.Site, s.Width, float64(s.Psi2), s.Bottleneck(growth.PolicyTiny),
				s.Spectrum[:min(4, len(s.Spectrum))], s.Reason)
		}
	}
	if out.DryRun != nil {
		printDryRun(w, out.DryRun)
	}
	return w.Flush()
}

// printGates tells how far the gates are open that learn which neurons go.
func printGates(w io.Writer, gates []prune.Scores) {
	fmt.Fprintf(w, "\ngates learn here\tgates\tabove %g\tbelow %.2g\n", prune.OpenGate, 1-prune.OpenGate)
	for _, g := range gates {
		open, shut := 0, 0
		for _, v := range g.Scores {
			if v > prune.OpenGate {
				open++
			}
			if v < 1-prune.OpenGate {
				shut++
			}
		}
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\n", g.Site, len(g.Scores), open, shut)
	}
}

// printBirths tells how the neurons of each event learn, and which hardly do.
func printBirths(w io.Writer, groups []growth.BirthGroup) {
	fmt.Fprintln(w, "\nsite\tborn at step\tneurons\tnorm of their weights\tdegrees they turn in 100 steps\tof the oldest's")
	for _, b := range groups {
		turn, pace := "-", "-" // not known: the checkpoint before has none of them
		if !math.IsNaN(float64(b.Turn)) {
			turn = fmt.Sprintf("%.2g", float64(b.Turn))
		}
		if !math.IsNaN(float64(b.Pace)) {
			pace = fmt.Sprintf("%.2g", float64(b.Pace))
		}
		fmt.Fprintf(w, "%s\t%d\t%d\t%.3g\t%s\t%s\n", b.Site, b.Born, b.To-b.From, float64(b.Norm), turn, pace)
	}
	tell := func(what string, some []growth.BirthGroup) {
		var list []string
		for _, b := range some {
			list = append(list, fmt.Sprintf("%d of %s born at step %d", b.To-b.From, b.Site, b.Born))
		}
		if len(list) > 0 {
			fmt.Fprintf(w, "%s: %s\n", what, strings.Join(list, ", "))
		}
	}
	tell("hardly learn any more", growth.Frozen(groups))
	tell("get no gradient, since nothing passes the activation behind them", growth.Dead(groups))
}

// printDryRun tells what an event decided, and of every site what it learned.
func printDryRun(w io.Writer, r *growth.Record) {
	fmt.Fprintf(w, "\nwould %s: %s\n", r.Decision, r.Why)
	for _, s := range sentences(r) {
		if r.Decision != growth.Refuse {
			fmt.Fprintln(w, s)
		}
	}
	if text := r.Computation(); text != "" {
		fmt.Fprintln(w, "in computation:", text)
	}
	samples, values := 0, 0
	for _, round := range r.Rounds {
		samples, values = samples+round.Samples, values+round.Values
	}
	fmt.Fprintf(w, "parameters %s -> %s, FLOPs a sample %s -> %s; the event reads %s samples in %d rounds, %s bytes from every worker\n",
		thousands(r.ParamsBefore), thousands(r.ParamsAfter), thousands(int(r.FLOPsBefore)), thousands(int(r.FLOPsAfter)),
		thousands(samples), len(r.Rounds), thousands(8*values))
	trials := map[site.ID]growth.TrialRecord{}
	for _, t := range r.Trials {
		trials[t.Sites[0]] = t
	}
	grown := map[site.ID]growth.GrownRecord{}
	for _, g := range r.Grown {
		grown[g.Site] = g
	}
	fmt.Fprintln(w, "\nsite\twidth\tbottleneck\tneurons\tpredicted\tamplitude\tgain\tparameters\tverdict")
	for _, s := range r.Sites {
		t, tried := trials[s.Site]
		predicted, amplitude, gain := "-", "-", "-"
		if p := float64(max(s.Refit, s.Predicted)); p != 0 {
			predicted = fmt.Sprintf("%.3g", p)
		}
		if tried {
			amplitude, gain = fmt.Sprintf("%.3g", float64(t.Amplitude)), fmt.Sprintf("%.3g ± %.2g", float64(t.Gain), float64(t.Error))
		}
		if s.GainError > 0 {
			gain = fmt.Sprintf("%.3g ± %.2g", float64(s.Gain), float64(s.GainError))
		}
		verdict := s.Reason
		if g, ok := grown[s.Site]; ok {
			verdict = fmt.Sprintf("grows to %d", g.To)
			if s.Cost > 0 {
				verdict += fmt.Sprintf(" for %.1f %% of a step", 100*float64(s.Cost))
			}
		}
		fmt.Fprintf(w, "%s\t%d\t%s\t%d\t%s\t%s\t%s\t%d\t%s\n", s.Site, s.Width, s.Bottleneck(r.Policy), s.Kept, predicted, amplitude,
			gain, s.Params, verdict)
	}
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
