package main

import (
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/tinygrow/tinygrow/coordinator/checkpoint"
	"github.com/tinygrow/tinygrow/coordinator/export"
	"github.com/tinygrow/tinygrow/deploy/run"
)

func newExport() *cobra.Command {
	var asJSON bool
	var format, out string
	c := &cobra.Command{
		Use:   "export RUN|CHECKPOINT|EXPORT",
		Short: "Write a saved model for other programs: ONNX, PyTorch, numpy, safetensors, GroMotion",
		Long: `Writes a saved model in the format of other programs, with its input size, normalisation and class names:

  safetensors  directory: model.safetensors, config.json and a model card, README.md
  onnx         file of opset 17: image (N, C, H, W), normalised, to logits (N, classes); the rest is in its metadata
  npz          file for numpy.load: an array for each tensor
  pytorch      directory: model.pt for torch.load(weights_only=True), and model.py, a module that reads it
  gromotion    directory that the GroMotion viewer ingests: how the network grew; of a run's directory only

The first four can be read back: tinygrow predict, eval, serve, inspect and export take them where they take a run,
and compute the same bits.`,
		Example: `  tinygrow export runs/cifar10-1 --format onnx
  tinygrow export runs/a/checkpoints/step-400 --format pytorch --out model-400
  tinygrow predict cifar10-1.onnx photo.jpg`,
		Args: oneArg("RUN|CHECKPOINT|EXPORT"),
	}
	c.Flags().StringVar(&format, "format", "", "one of "+export.FormatList())
	c.Flags().StringVar(&out, "out", "", "`path` of the new file or directory (default: the name of the run and the format, here)")
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON object on stdout")
	c.RunE = func(c *cobra.Command, args []string) error {
		if format == "" {
			return usagef("--format is missing: one of %s", export.FormatList())
		}
		s, err := run.Open(args[0])
		if err != nil {
			return err
		}
		if out == "" {
			out = export.DefaultPath(args[0], export.Format(format))
		}
		if err := s.Export(export.Format(format), out); err != nil {
			return err
		}
		sha256 := checkpoint.ModelSHA256(s.Model)
		if asJSON {
			return json.NewEncoder(c.OutOrStdout()).Encode(map[string]string{"path": out, "format": format, "model_sha256": sha256})
		}
		_, err = fmt.Fprintf(printable{c.OutOrStdout()}, "%s: %s, %s parameters, model sha256 %s\n", out, format,
			thousands(len(s.Model.Params)), sha256)
		return err
	}
	return c
}
