package export

import (
	"fmt"
	"strings"

	"github.com/tinygrow/tinygrow/coordinator/checkpoint"
	"github.com/tinygrow/tinygrow/growth"
	"github.com/tinygrow/tinygrow/tensor/nn"
)

// modelCard returns the model card: data, parameters, how the network grew, settings
// and seeds, what it cost, and what is not known of it, as Markdown.
func modelCard(s *Source) string {
	var b strings.Builder
	say := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	say("---\nlibrary_name: tinygrow\npipeline_tag: %s\n---\n", pipeline(s.Card))
	name := "A network"
	if s.Run != nil {
		name = s.Run.Info().Name
	}
	say("# %s\n", cell(name))
	g := s.Model.Graph
	say("Trained and grown by tinygrow. %d parameters, %d FLOPs for the forward pass of one sample, generation %d of its architecture, "+
		"SHA-256 of the model `%s`.\n", len(s.Model.Params), g.FLOPs(), g.Generation, checkpoint.ModelSHA256(s.Model))
	say("## Use\n")
	use := "`tinygrow predict DIRECTORY PICTURE...` says what pictures are of, `tinygrow serve DIRECTORY` answers over HTTP."
	if s.Card != nil && s.Card.Table != nil {
		use = "`tinygrow predict DIRECTORY FILE.csv` tells of each row."
	}
	say("%s The tensors in `model.safetensors` have PyTorch's names and shapes; the architecture is `graph` in `config.json`.\n", use)
	if c := s.Card; c != nil {
		inputs(say, c)
		say("## Data\n\n%s, SHA-256 of its samples `%s`.\n", cell(c.Data), c.Digest)
		if c.Averaged {
			say("The weights are the moving average over the last steps of the training.\n")
		}
	}
	layers(say, g)
	if s.Run == nil {
		say("## Training\n\nThe run that made the model was not at hand when it was exported.\n")
	} else {
		history(say, s)
	}
	say("## Limits\n")
	if s.Card == nil || s.Card.Table == nil {
		say("- Every picture is given one of the classes above, also one that shows none of them; probabilities are not calibrated.")
	}
	say("- Figures above are of the samples that they name. What other samples give is not known.")
	say("- Rights to the data, and what they mean for the model, are for whoever passes it on to find out.")
	return b.String()
}

// pipeline is what Hugging Face calls the task of a model.
func pipeline(c *nn.Card) string {
	switch {
	case c == nil || c.Table == nil:
		return "image-classification"
	case c.Task == nn.Regression:
		return "tabular-regression"
	}
	return "tabular-classification"
}

// inputs tells what the model reads and puts out.
func inputs(say func(string, ...any), c *nn.Card) {
	if t := c.Table; t != nil {
		say("Input: %d features of these columns, of which each feature v is read as (v - mean) / deviation; a missing number "+
			"is the mean.\n", c.Input.C)
		say("| column | features | mean | deviation |\n|---|---|---|---|")
		at := 0
		for i := range t.Columns {
			col, what := &t.Columns[i], "a number"
			switch {
			case len(col.Values) > 0:
				what = fmt.Sprintf("one for each of %d categories", len(col.Values))
			case col.Gaps:
				what = "a number, and whether it is missing"
			}
			say("| %s | %s | %.6g | %.6g |", cell(col.Name), what, c.Mean[at], c.Std[at])
			at += col.Features()
		}
		say("\nOutputs, in their order: %s.\n", cell(c.ClassList()))
		for i, scale := range t.Scale {
			say("- %s is the output times %.6g plus %.6g.\n", cell(c.Classes[i]), scale.Std, scale.Mean)
		}
		return
	}
	say("Input: %d channels of %d x %d pixels, of which each byte v is read as (v - mean) / deviation with mean %.6g and deviation "+
		"%.6g by channel.\n", c.Input.C, c.Input.H, c.Input.W, c.Mean, c.Std)
	if c.Pictures != "" {
		say("How a picture becomes that: %s.\n", cell(c.Pictures))
	}
	say("Classes, in the order of the outputs: %s.\n", cell(c.ClassList()))
}

// layers tells the architecture.
func layers(say func(string, ...any), g *nn.Graph) {
	shapes, err := g.Shapes()
	if err != nil {
		return // a model has a valid graph
	}
	say("## Architecture\n\n| node | operation | reads | output |\n|---|---|---|---|")
	for _, n := range g.Nodes {
		var in []string
		for _, id := range n.Inputs {
			in = append(in, string(id))
		}
		say("| %s | %s | %s | %s |", n.ID, n.Op, strings.Join(in, ", "), shapes[n.ID])
	}
	say("")
}

// history tells results, growth, settings and cost of the run.
func history(say func(string, ...any), s *Source) {
	info := s.Run.Info()
	say("## Results\n")
	told := false
	for _, e := range s.Run.Evaluations() {
		if e.Step == s.Step {
			metric := ""
			if s.Card != nil {
				metric = s.Card.Task.Metric()
			}
			say("- %s samples: %s, loss %.4f, at step %d", e.Split, nn.TellScore(metric, e.Accuracy), e.Loss, e.Step)
			told = true
		}
	}
	if !told {
		say("- not evaluated at step %d, which this model is of", s.Step)
	}
	say("\n## Growth\n\nPolicy %s.\n", cell(info.Policy))
	grew := false
	for _, e := range s.Run.Events() {
		if e.Step > s.Step || e.Decision == growth.Refuse {
			continue
		}
		if !grew {
			say("| step | what | parameters | FLOPs |\n|---|---|---|---|")
		}
		grew = true
		var what []string
		for _, g := range e.Grown {
			what = append(what, fmt.Sprintf("%s %d to %d %s", g.Site, g.From, g.To, g.Unit))
		}
		if e.Deepened != nil {
			what = append(what, "a block: "+string(e.Deepened.Site))
		}
		say("| %d | %s | %d to %d | %d to %d |", e.Step, cell(strings.Join(what, ", ")), e.Params[0], e.Params[1], e.FLOPs[0], e.FLOPs[1])
	}
	if !grew {
		say("It did not grow.")
	}
	cost(say, s)
	say("\n## Settings\n\n| key | value |\n|---|---|")
	for _, set := range info.Settings {
		say("| %s | %s |", set.Key, cell(set.Value))
	}
	say("")
}

// cost tells what the run spent up to the model's step.
func cost(say func(string, ...any), s *Source) {
	say("\n## Cost\n")
	for i := len(s.Run.Evaluations()) - 1; i >= 0; i-- {
		e := s.Run.Evaluations()[i]
		if e.Step != s.Step {
			continue
		}
		say("%.4g FLOPs of gradients and growth events, %.0f s of wall-clock time.", e.FLOPs, e.Wall)
		if e.CPU > 0 {
			say("%.0f s of processor time.", e.CPU)
		}
		return
	}
	say("It was not recorded for step %d.", s.Step)
}

// cell keeps a text on one line and inside its cell of a table.
func cell(text string) string {
	return strings.NewReplacer("|", "\\|", "\n", " ", "\r", " ", "<", "&lt;").Replace(text)
}
