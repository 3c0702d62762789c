#!/usr/bin/env python3
"""Trains with each growth policy and seed in turn and prints one JSON object a run.

Each line is what `tinygrow train --json` says, with the policy, the seed and the arguments. Seeds are the outer
loop, so that a drift of the machine falls on all policies alike. Example:

  deploy/bench/policies.py --tinygrow ./tinygrow -- --data cifar10 --data-dir DIR --model cnn --epochs 3 \\
      > deploy/bench/results/policies-cifar10.jsonl
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--tinygrow", required=True, help="the binary to run")
    ap.add_argument("--policies", default="tiny,gradmax,random,none")
    ap.add_argument("--seeds", default="1,2,3")
    ap.add_argument("train", nargs="*", help="arguments of `tinygrow train`, after --")
    args = ap.parse_args()
    shown = ["DIR" if i and args.train[i - 1] == "--data-dir" else a for i, a in enumerate(args.train)]
    with tempfile.TemporaryDirectory() as runs:
        for seed in args.seeds.split(","):
            for policy in args.policies.split(","):
                command = [args.tinygrow, "train", *args.train, "--policy", policy, "--seed", seed,
                           "--run-dir", os.path.join(runs, f"{policy}-{seed}"), "--json"]
                done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
                if done.returncode:
                    sys.exit(done.stderr)
                row = {"policy": policy, "seed": int(seed), "args": " ".join(shown), **json.loads(done.stdout)}
                row.pop("run_dir", None)
                print(json.dumps(row), flush=True)
                print(f"{policy:8s} seed {seed}: accuracy {row['test_accuracy']:.4f}, {row['params_start']} -> {row['params_end']} "
                      f"parameters, {len(row['growth_events'])} growth events, {row['wall_s']:.0f} s", file=sys.stderr)


if __name__ == "__main__":
    main()
