#!/usr/bin/env python3
"""Seconds to a test accuracy: a grown network, a fixed one, and the fixed one in PyTorch, by turns on this machine.

For each accuracy a budget of computation (--budgets) is given that is about enough for it: learning rates come down to 0
at its end. Each repetition trains, one after the other on all of --threads, `tinygrow train` from 4 channels with its
default policy, `tinygrow train --policy none` with the fixed widths (--widths), and the same fixed network in PyTorch for
as many steps with the same recipe, its default, at the best of its settings (layout, threads, wait policy), which is chosen first by
trials of some steps. An evaluation follows every epoch; the seconds are those of the first that reaches the accuracy,
null if none does. Medians count one that does not as longer than all others. Called by reach.sh.
"""
import argparse
import datetime
import itertools
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile

from compare import HERE, cpu

OURS = ["--model", "vgg", "--epochs", "1000"]


def run(command, env=None):
    done = subprocess.run(command, env={**os.environ, **(env or {})}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(command)} ended with exit code {done.returncode}: {done.stderr}")
    return json.loads(done.stdout)


def ours(args, flops, widths, policy):
    """Returns steps and evaluations of a run of ours."""
    with tempfile.TemporaryDirectory() as d:
        where = os.path.join(d, "run")
        r = run([args.tinygrow, "train", "--data", "cifar10", "--data-dir", args.data_dir, "--threads", str(args.threads), "--json",
                 "--seed", str(args.seed), "--max-flops", f"{flops:g}", "--run-dir", where, *OURS,
                 "--set", f"model.widths=[{','.join(map(str, widths))}]", *policy, *args.train])
        with open(os.path.join(where, "metrics.jsonl")) as f:
            lines = [json.loads(line) for line in f if '"kind":"evaluation"' in line]
    return {"steps": r["steps"], "cpu_s": r["cpu_s"], "widths": r["widths"],
            "evaluations": [{k: e[k] for k in ("step", "accuracy", "wall_s")} for e in lines if e["split"] == "test"]}


def torch_command(args, widths, *more):
    return [args.python, os.path.join(HERE, "torch_train.py"), "--data-dir", args.data_dir, "--widths", ",".join(map(str, widths)),
            "--seed", str(args.seed), *args.torch, *more]


def best_setting(args, widths):
    """Returns the arguments and environment with which PyTorch is fastest, and what they are called."""
    speeds = []
    for layout, n, wait in itertools.product(([], ["--channels-last"]), sorted({1, args.threads}), ("PASSIVE", "")):
        env = {"OMP_NUM_THREADS": str(n), **({"OMP_WAIT_POLICY": wait} if wait else {})}
        how = [*layout, "--threads", str(n)]
        name = f"{'channels_last' if layout else 'plain'}, {n} threads, {wait.lower() or 'default'} wait"
        speeds.append((run(torch_command(args, widths, "--trial", str(args.trial), *how), env)["samples_per_s"], name, how, env))
    return max(speeds)


def theirs(args, widths, steps, setting):
    speed, name, how, env = setting
    r = run(torch_command(args, widths, "--steps", str(steps), *how), env)
    return {"steps": steps, "setting": name, "trial_samples_per_s": speed, "cpu_s": r["evaluations"][-1]["cpu_s"], "evaluations": r["evaluations"]}


def reached(result, accuracy):
    """Returns the seconds of the first evaluation of at least that accuracy, or None."""
    return next((e["wall_s"] for e in result["evaluations"] if e["accuracy"] >= accuracy), None)


def middle(seconds):
    """Returns the median, where None is longer than all others."""
    value = statistics.median_high(math.inf if s is None else s for s in seconds)
    return None if math.isinf(value) else value


def pairs(text):
    """Reads 0.8=1e13,0.85=4e13.

    >>> pairs("0.8=1e13")
    {0.8: '1e13'}
    """
    return {float(a): v for a, v in (p.split("=") for p in text.split(","))}


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--tinygrow", required=True, help="the binary to measure")
    ap.add_argument("--data-dir", required=True, help="directory of CIFAR-10's binary version")
    ap.add_argument("--python", default="/usr/bin/python3", help="a Python that has torch")
    ap.add_argument("--budgets", type=pairs, default=pairs("0.8=1.35e13,0.85=5e13,0.9=2e14"), help="FLOPs for each accuracy")
    ap.add_argument("--widths", type=pairs, default=pairs("0.8=12-24-64-128,0.85=16-32-64-128,0.9=32-64-128-256"), help="of the fixed network for each accuracy")
    ap.add_argument("--threads", type=int, default=2)
    ap.add_argument("--repeat", type=int, default=3)
    ap.add_argument("--seed", type=int, default=1)
    ap.add_argument("--trial", type=int, default=20, help="steps of a trial of PyTorch's settings")
    ap.add_argument("--torch", type=str.split, default=[], help="more arguments of torch_train.py, as one text")
    ap.add_argument("train", nargs="*", help="more arguments of `tinygrow train`, after --")
    args = ap.parse_args()
    if set(args.budgets) != set(args.widths):
        ap.error("--budgets and --widths must name the same accuracies")
    rows = []
    for accuracy, flops in args.budgets.items():
        widths = [int(w) for w in args.widths[accuracy].split("-")]
        setting, runs = best_setting(args, widths), {"grown": [], "fixed": [], "torch": []}
        for _ in range(args.repeat):
            runs["grown"].append(ours(args, float(flops), [4] * len(widths), []))
            runs["fixed"].append(ours(args, float(flops), widths, ["--policy", "none"]))
            runs["torch"].append(theirs(args, widths, runs["fixed"][-1]["steps"], setting))
        for name, results in runs.items():
            seconds = [reached(r, accuracy) for r in results]
            rows.append({"accuracy": accuracy, "flops": float(flops), "who": name, "widths": args.widths[accuracy] if name != "grown" else
                         "-".join(str(w) for _, w in sorted(results[-1]["widths"].items())), "seconds": seconds, "median_s": middle(seconds),
                         "final": [r["evaluations"][-1]["accuracy"] for r in results], "cpu_s": [r["cpu_s"] for r in results],
                         **({"setting": setting[1]} if name == "torch" else {})})
            print(f"{100 * accuracy:.0f} %: {name}: {seconds} s", file=sys.stderr, flush=True)
    json.dump({"date": datetime.date.today().isoformat(), "cpu": cpu(), "cores": os.cpu_count(), "threads": args.threads, "repeat": args.repeat,
               "rows": rows}, sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    main()
