#!/usr/bin/env python3
"""Paired, alternating runs of `tinygrow bench compute` and `tinygrow train` with one worker, and their ratio.

Both compute batches of the same size in the same micro-shards on the same number of threads. The run
reads CIFAR-10 and augments it, reduces, updates, hashes and hands out weights; its rate is that of
the gradient rounds, the first one left out. --nats makes the worker a process of its own, which talks
to the coordinator through a NATS server. The result is the median of the repetitions' ratios. Called by endtoend.sh.
"""
import argparse
import datetime
import json
import os
import statistics
import subprocess
import sys
import tempfile

MODELS = {
    "mlp": (["--model", "mlp", "--set", "model.widths=[512,512]"], 600),
    "vgg": (["--model", "vgg"], 120),
    "resnet18-8": (["--model", "resnet18", "--set", "model.width=8"], 100),
    "resnet18-16": (["--model", "resnet18", "--set", "model.width=16"], 40),
}


def run(command):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if done.returncode:
        sys.exit(f"{' '.join(command)} ended with exit code {done.returncode}: {done.stderr.decode()}")
    return json.loads(done.stdout)


def bare(args, model):
    return run([args.tinygrow, "bench", "compute", "--models", model, "--batch", str(args.batch), "--threads", str(args.threads),
                "--microshard", str(args.microshard), "--seconds", str(args.seconds), "--json"])["models"][0]["samples_per_s"]


def whole(args, model):
    how, steps = MODELS[model]
    common = [*how, "--data", "cifar10", "--data-dir", args.data_dir, "--limit", "10000", "--batch", str(args.batch), "--microshard", str(args.microshard),
              "--threads", str(args.threads), "--steps", str(steps), "--policy", "none", "--set", "optim.name=sgd", "--set", "train.eval_epochs=0", "--json"]
    if args.nats:
        how = ["--model", model]
        return run([args.tinygrow, "bench", "scale", "--workers", "1", *how, *common[len(MODELS[model][0]):]])["rows"][0]["samples_per_s"]
    with tempfile.TemporaryDirectory() as d:
        t = run([args.tinygrow, "train", *common, "--run-dir", os.path.join(d, "run")])["timing"]
    return t["samples"] / t["wall_s"]


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--tinygrow", required=True)
    p.add_argument("--data-dir", required=True)
    p.add_argument("--models", default=",".join(MODELS))
    p.add_argument("--batch", type=int, default=128)
    p.add_argument("--microshard", type=int, default=64)
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--seconds", type=float, default=2)
    p.add_argument("--repeat", type=int, default=3)
    p.add_argument("--nats", action="store_true")
    args = p.parse_args()
    rows = []
    for model in args.models.split(","):
        pairs = [(bare(args, model), whole(args, model)) for _ in range(args.repeat)]
        row = {"model": model, "compute_samples_per_s": statistics.median(b for b, _ in pairs), "train_samples_per_s": statistics.median(w for _, w in pairs),
               "ratio": statistics.median(w / b for b, w in pairs)}
        print(f"{model}: {row['train_samples_per_s']:.0f} of {row['compute_samples_per_s']:.0f} samples/s, {100 * row['ratio']:.0f} %", file=sys.stderr)
        rows.append(row)
    json.dump({"date": datetime.date.today().isoformat(), "cores": os.cpu_count(), "batch": args.batch, "microshard": args.microshard, "threads": args.threads,
               "repeat": args.repeat, "nats": args.nats, "models": rows}, sys.stdout, indent=1)
    print()


main()
