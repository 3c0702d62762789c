package config

import (
	"slices"
	"strings"
)

// synonyms are names that people bring from elsewhere, with what they are
// called here: flags, keys (whole or their last part) and commands, the first
// that is known counts. All are written as bare writes them.
var synonyms = map[string][]string{
	"learningrate": {"lr"}, "learnrate": {"lr"}, "rate": {"lr"}, "stepsize": {"lr"},
	"batchsize": {"batch"}, "bs": {"batch"}, "minibatch": {"batch"}, "minibatchsize": {"batch"},
	"numworkers": {"workers"}, "nworkers": {"workers"}, "nproc": {"workers"},
	"processes": {"workers"}, "jobs": {"workers"}, "worldsize": {"workers"},
	"numthreads": {"threads"}, "nthreads": {"threads"}, "cpus": {"threads"}, "cores": {"threads"}, "numcpus": {"threads"},
	"epoch": {"epochs"}, "numepochs": {"epochs"}, "nepochs": {"epochs"}, "maxepochs": {"epochs"},
	"numsteps": {"steps"}, "maxsteps": {"steps"}, "iterations": {"steps"}, "iters": {"steps"}, "maxiter": {"steps"}, "maxiters": {"steps"},
	"dataset": {"data", "dataname"}, "datapath": {"datadir"}, "dataroot": {"datadir"}, "root": {"datadir"}, "datafolder": {"datadir"},
	"arch": {"model", "modelname"}, "architecture": {"model", "modelname"},
	"network": {"model", "modelname"}, "net": {"model", "modelname"},
	"output": {"rundir", "out"}, "outputdir": {"rundir"}, "outdir": {"rundir"},
	"savedir": {"rundir"}, "logdir": {"rundir"}, "workdir": {"rundir"},
	"randomseed": {"seed"}, "manualseed": {"seed"}, "rngseed": {"seed"},
	"server": {"nats", "natsurl", "coordinator"}, "url": {"nats"}, "address": {"nats", "natsurl"}, "natsserver": {"nats", "natsurl"},
	"key": {"creds"}, "keyfile": {"creds"}, "credentials": {"creds"}, "seedfile": {"creds"},
	"cacert": {"ca"}, "cafile": {"ca"}, "certificate": {"ca"},
	"wd": {"weightdecay"}, "decay": {"weightdecay"}, "l2": {"weightdecay"},
	"gradclip": {"clipnorm"}, "clipgrad": {"clipnorm"}, "maxgradnorm": {"clipnorm"},
	"scheduler": {"schedule"}, "lrscheduler": {"schedule"}, "warmup": {"optimwarmup"}, "pctstart": {"optimwarmup"},
	"val": {"validation"}, "valsplit": {"validation"}, "holdout": {"validation"},
	"fit": {"train"}, "run": {"train"}, "start": {"train"}, "learn": {"train"},
	"test": {"eval"}, "evaluate": {"eval"}, "validate": {"eval"},
	"continue": {"resume"}, "restart": {"resume"}, "show": {"inspect"},
	"info": {"inspect"}, "summary": {"inspect"}, "describe": {"inspect"},
	"status": {"health"}, "master": {"coordinator"}, "leader": {"coordinator"},
	"client": {"worker"}, "agent": {"worker"}, "node": {"worker"},
	"benchmark": {"bench"}, "draw": {"plot"}, "chart": {"plot"}, "graph": {"plot"},
	"check": {"doctor", "verify"}, "diagnose": {"doctor"}, "keys": {"auth"},
}

// absent are names of what does not exist here, with what to do instead.
var absent = map[string]string{}

func init() {
	for _, name := range []string{"gpu", "gpus", "cuda", "device", "devices", "accelerator", "usegpu", "ngpu", "ngpus", "numgpus"} {
		absent[name] = "tinygrow computes on processors and uses no GPU: leave it out; " +
			"worker.threads (--threads) says how many cores to use"
	}
	for _, name := range []string{"amp", "fp16", "bf16", "half", "mixedprecision"} {
		absent[name] = "tinygrow computes in float32 throughout: leave it out; train.wire says in which format sums travel"
	}
}

// bare writes a name without case and separators.
func bare(name string) string {
	return strings.ToLower(strings.NewReplacer("-", "", "_", "", ".", "", " ", "").Replace(name))
}

func lastPart(name string) string { return name[strings.LastIndexByte(name, '.')+1:] }

// Absent says what there is instead of something that does not exist here, or nothing.
func Absent(name string) string {
	if why := absent[bare(name)]; why != "" {
		return why
	}
	return absent[bare(lastPart(name))]
}

// Synonym returns the known name for what is called otherwise elsewhere, or is
// written with other separators or without its section, or "". Of several in different
// sections it is that of the fewest parts, optim.lr rather than train.init.lr.
func Synonym(name string, known []string) string {
	for _, word := range []string{bare(name), bare(lastPart(name))} {
		for _, want := range append([]string{word}, synonyms[word]...) {
			best, parts := "", 0
			for _, k := range known {
				n := strings.Count(k, ".")
				if (bare(k) == want || bare(lastPart(k)) == want) && (best == "" || n < parts) {
					best, parts = k, n
				}
			}
			if best != "" {
				return best
			}
		}
	}
	return ""
}

// Meant says in half a sentence what an unknown name most likely meant, or nothing.
func Meant(name string, known []string) string {
	if why := Absent(name); why != "" {
		return ": " + why
	}
	best := Synonym(name, known)
	if best == "" {
		best = Nearest(name, known)
	}
	return suggestion(best)
}

// meantVariable is Meant for a variable of the environment.
func meantVariable(name string, keys, reserved []string) string {
	key := strings.Replace(strings.ToLower(strings.TrimPrefix(name, Prefix)), "_", ".", 1)
	if why := Absent(key); why != "" {
		return ": " + why
	}
	if best := Synonym(key, keys); best != "" {
		return suggestion(Variable(best))
	}
	known := slices.Clone(reserved)
	for _, key := range keys {
		known = append(known, Variable(key))
	}
	return suggestion(Nearest(name, known))
}

func suggestion(best string) string {
	if best == "" {
		return ""
	}
	return ": did you mean " + best + "?"
}
