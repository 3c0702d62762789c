#!/usr/bin/env python3
"""Paired, alternating runs of `tinygrow bench compute` and torch_step.py, and their ratio.

Each repetition runs our program once and PyTorch once at every setting: plain and channels_last,
1 and 2 threads, OMP_WAIT_POLICY passive and default. PyTorch's rate of a repetition is the best of
its settings. The result is the median of the repetitions' ratios, with the machine and the date.
Called by compare.sh.
"""
import argparse
import datetime
import itertools
import json
import os
import platform
import statistics
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))


def run(command, env=None):
    done = subprocess.run(command, env={**os.environ, **(env or {})}, stdout=subprocess.PIPE)
    if done.returncode:
        sys.exit(f"{' '.join(command)} ended with exit code {done.returncode}")
    return {row["model"]: row["samples_per_s"] for row in json.loads(done.stdout)["models"]}


def settings(threads):
    for layout, n, wait in itertools.product(([], ["--channels-last"]), sorted({1, threads}), ("PASSIVE", "")):
        yield f"{'channels_last' if layout else 'plain'}, {n} threads, {wait.lower() or 'default'} wait", layout, n, wait


def peer(args, model):
    best, how = 0.0, ""
    for name, layout, n, wait in settings(args.threads):
        if layout and model == "mlp":
            continue
        command = [args.python, os.path.join(HERE, "torch_step.py"), "--models", model, "--batch", str(args.batch),
                   "--threads", str(n), "--seconds", str(args.seconds), *layout]
        env = {"OMP_NUM_THREADS": str(n), **({"OMP_WAIT_POLICY": wait} if wait else {})}
        rate = run(command, env)[model]
        if rate > best:
            best, how = rate, name
    return best, how


def cpu():
    with open("/proc/cpuinfo") as f:
        for line in f:
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor()


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--tinygrow", required=True, help="the binary to measure")
    ap.add_argument("--python", default="/usr/bin/python3", help="a Python that has torch")
    ap.add_argument("--models", default="mlp,vgg,vgg-grown,resnet18-8,resnet18-16,resnet18-64")
    ap.add_argument("--batch", type=int, default=128)
    ap.add_argument("--threads", type=int, default=2)
    ap.add_argument("--seconds", type=float, default=2.0, help="time for one measurement")
    ap.add_argument("--repeat", type=int, default=5)
    args = ap.parse_args()

    rows = []
    for model in args.models.split(","):
        ours, theirs, ratios, how = [], [], [], ""
        for _ in range(args.repeat):
            mine = run([args.tinygrow, "bench", "compute", "--json", "--models", model, "--batch", str(args.batch),
                        "--threads", str(args.threads), "--seconds", str(args.seconds)])[model]
            best, how = peer(args, model)
            ours.append(mine)
            theirs.append(best)
            ratios.append(mine / best)
        rows.append({"model": model, "samples_per_s": statistics.median(ours), "torch_samples_per_s": statistics.median(theirs),
                     "ratio": statistics.median(ratios), "ratios": ratios, "torch_best_setting": how})
        print(f"{model:14s} {rows[-1]['samples_per_s']:9.0f} {rows[-1]['torch_samples_per_s']:9.0f}  ratio {rows[-1]['ratio']:.2f}", file=sys.stderr)
    print(json.dumps({"date": datetime.date.today().isoformat(), "cpu": cpu(), "cores": os.cpu_count(), "batch": args.batch,
                      "threads": args.threads, "repeat": args.repeat, "models": rows}, indent=1))


if __name__ == "__main__":
    main()
