#!/usr/bin/env python3
"""Paired, alternating runs of `tinygrow bench growth` and torch_growth.py on one core, and their ratio.

Both measure the bottleneck and the best neurons at all sites of the same networks over the same number of
samples: the time beyond a plain forward and backward pass over them, and the time in all, in seconds of processor
time. The results are medians of the repetitions and of their ratios, with the machine and the date. Then, unless
--events is 0, `tinygrow bench event` measures what events at default settings cost beside the training between them.
Called by compare_growth.sh.
"""
import argparse
import datetime
import json
import os
import statistics
import subprocess
import sys

from compare import HERE, cpu

ONE_CORE = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "GOMAXPROCS": "1"}


def run(command):
    done = subprocess.run(command, env={**os.environ, **ONE_CORE}, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    if done.returncode:
        sys.exit(f"{' '.join(command)} ended with exit code {done.returncode}")
    return json.loads(done.stdout)


def pair(args, model):
    ours = run([args.tinygrow, "bench", "growth", "--json", "--models", model, "--samples", str(args.samples), "--threads", "1"])["models"][0]
    theirs = run([args.python, os.path.join(HERE, "torch_growth.py"), "--models", model, "--samples", str(args.samples)])["models"][0]
    if ours["sites"] != theirs["sites"]:
        sys.exit(f"{model}: {ours['sites']} sites here, {theirs['sites']} in PyTorch")
    row = {"total": ours["cpu_s"], "beyond": max(ours["cpu_s"] - ours["plain_cpu_s"], 1e-4), "torch_total": theirs["total_s"], "torch_beyond": theirs["beyond_s"]}
    row["sites"] = ours["sites"]
    row["ratio"], row["total_ratio"] = row["torch_beyond"] / row["beyond"], row["torch_total"] / row["total"]
    return row


def median(rows, key):
    return statistics.median(r[key] for r in rows)


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--tinygrow", required=True, help="the binary to measure")
    ap.add_argument("--python", default="/usr/bin/python3", help="a Python that has torch")
    ap.add_argument("--models", default="mlp-64,conv-16-32,resnet18-16")
    ap.add_argument("--samples", type=int, default=2048)
    ap.add_argument("--repeat", type=int, default=3)
    ap.add_argument("--events", type=int, default=6, help="events to measure beside training")
    args = ap.parse_args()

    models = []
    for model in args.models.split(","):
        rows = [pair(args, model) for _ in range(args.repeat)]
        models.append({"model": model, "sites": rows[0]["sites"], "beyond_s": median(rows, "beyond"), "torch_beyond_s": median(rows, "torch_beyond"),
                       "ratio": median(rows, "ratio"), "ratios": [r["ratio"] for r in rows], "total_s": median(rows, "total"),
                       "torch_total_s": median(rows, "torch_total"), "total_ratio": median(rows, "total_ratio")})
        m = models[-1]
        print(f"{model:14s} {m['beyond_s']:8.2f} {m['torch_beyond_s']:8.2f}  ratio {m['ratio']:.1f}", file=sys.stderr)
    result = {"date": datetime.date.today().isoformat(), "cpu": cpu(), "cores": os.cpu_count(), "samples": args.samples, "repeat": args.repeat, "models": models}
    if args.events:
        command = [args.tinygrow, "bench", "event", "--json", "--threads", "1", "--events", str(args.events)]
        runs = [run(command) for _ in range(args.repeat)]
        result["events"] = {k: runs[0][k] for k in ("model", "data", "steps", "batch")}
        result["events"]["costs"] = [
            {"params": same[0]["params"], "train_s": median(same, "train_cpu_s"), "event_s": median(same, "event_cpu_s"),
             "solve_s": median(same, "solve_cpu_s"), "share": median(same, "share")}
            for same in zip(*(r["events"] for r in runs))]
        for e in result["events"]["costs"]:
            print(f"{e['params']:8d} parameters: event {e['event_s']:.2f} s, training {e['train_s']:.2f} s, {100 * e['share']:.0f} %", file=sys.stderr)
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
