package netfile

import (
	"slices"
	"strings"
)

// synonyms are names that people bring from elsewhere, in lower case without separators,
// with what they are called here: layers, their words, and keys.
var synonyms = map[string][]string{
	"outchannels": {"out"}, "outfeatures": {"out"}, "channels": {"out"}, "features": {"out"}, "filters": {"out"}, "units": {"out"},
	"kernelsize": {"kernel"}, "pad": {"padding"}, "pads": {"padding"}, "strides": {"stride"}, "usebias": {"bias"}, "epsilon": {"eps"},
	"inputs": {"input"}, "from": {"input"}, "when": {"if"}, "times": {"repeat"}, "n": {"repeat"}, "p": {"rate"},
	"numheads": {"heads"}, "nhead": {"heads"}, "numgroups": {"groups"},
	"conv": {"conv2d"}, "convolution": {"conv2d"}, "dense": {"linear"}, "fc": {"linear"}, "fullyconnected": {"linear"},
	"bn": {"batchnorm"}, "batchnorm2d": {"batchnorm"}, "batchnorm1d": {"batchnorm"}, "batchnormalization": {"batchnorm"},
	"layernormalization": {"layernorm"}, "ln": {"layernorm"}, "gn": {"groupnorm"},
	"depthwise": {"depthwiseconv2d"}, "dwconv": {"depthwiseconv2d"}, "depthwiseconv": {"depthwiseconv2d"},
	"maxpool": {"maxpool2d"}, "maxpooling2d": {"maxpool2d"}, "avgpool": {"avgpool2d"}, "averagepool": {"avgpool2d"},
	"adaptiveavgpool2d": {"globalavgpool"}, "gap": {"globalavgpool"}, "globalaveragepooling2d": {"globalavgpool"},
	"swish": {"silu"}, "sum": {"add"}, "residual": {"add"}, "cat": {"concat"}, "concatenate": {"concat"},
	"groupconv": {"groupedconv2d"}, "groupedconv": {"groupedconv2d"}, "positionalencoding": {"positional"}, "gamma": {"layerscale"},
	"mul": {"multiply"}, "multiheadattention": {"attention"}, "selfattention": {"attention"}, "mha": {"attention"},
	"view": {"flatten"}, "reshape": {"flatten"}, "params": {"parameters"}, "modules": {"blocks"}, "nodes": {"layers"},
}

// synonym returns the known name for what is called otherwise elsewhere, or "".
func synonym(name string, known []string) string {
	plain := strings.ToLower(strings.NewReplacer("-", "", "_", "", "nn.", "").Replace(name))
	for _, k := range known {
		if strings.ToLower(strings.NewReplacer("-", "", "_", "").Replace(k)) == plain && k != name {
			return k
		}
	}
	for _, s := range synonyms[plain] {
		if slices.Contains(known, s) {
			return s
		}
	}
	return ""
}
