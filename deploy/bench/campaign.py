#!/usr/bin/env python3
"""Trains the same first network with several growth policies for equal processor time and prints one JSON object a run.

For each network and policy a first run finds how much computation fits into --cpu-s seconds of processor time: it is
repeated with a larger or smaller budget (--max-flops) until it is within 10 % of them. The other seeds have the same budget.
`best` comes first; the other policies grow up to the widths that it came to with the same seed, and `fixed` has them from the beginning.
Two runs of one thread each go side by side (--jobs). Example, some 50 minutes on two cores:

  deploy/bench/campaign.py --tinygrow ./tinygrow --data-dir CIFAR --runs DIR > deploy/bench/results/campaign.jsonl
  ./tinygrow plot DIR/*best* --what gains --out deploy/bench/results/gains.svg
"""
import argparse
import concurrent.futures
import json
import os
import shutil
import subprocess
import sys

NETWORKS = {
    "vgg, from 4 channels": ["--model", "vgg", "--set", "model.widths=[4,4,4,4]", "--lr", "0.05"],
    "resnet18, from base width 1": ["--model", "resnet18", "--set", "model.width=1", "--lr", "0.05"],
}
TURNS = ["--set", "growth.every_steps=100"]  # of policies that grow one site after the other
# all but best grow up to the widths that best came to, with the same seed; {best} is its run
POLICIES = {
    "best": [],
    "paper": ["--policy", "paper", "--targets-of", "{best}", *TURNS],
    "gradmax": ["--policy", "gradmax", "--targets-of", "{best}"],
    "random": ["--policy", "random", "--targets-of", "{best}", *TURNS],
    "net2net": ["--policy", "net2net", "--targets-of", "{best}", *TURNS],
    "fixed": ["--policy", "none", "--widths-of", "{best}"],
}


# for --policies: other settings
OPTIONS = {
    "best, twice as often": ["--set", "growth.every_steps=175"],
    "random to 32": ["--policy", "random", "--set", "growth.max_width=32", "--set", "growth.every_steps=25"],
}
PILOT = {"vgg, from 4 channels": 1.4e11, "resnet18, from base width 1": 5.7e10}  # FLOPs a second of the first try
BATCH = 128


def short(e):
    """What the table and the plot need of a growth event."""
    keys = ("step", "decision", "why", "params_before", "params_after")
    return {**{k: e[k] for k in keys}, "grown": [{k: g[k] for k in ("site", "from", "to", "predicted", "measured")} for g in e.get("grown", [])]}


def slug(text):
    return "".join(c if c.isalnum() else "-" for c in text)


class Campaign:
    def __init__(self, args):
        self.args = args

    def run(self, network, policy, seed, flops):
        where = os.path.join(self.args.runs, f"{slug(network)}_{slug(policy)}_{seed}")
        shutil.rmtree(where, ignore_errors=True)
        command = [self.args.tinygrow, "train", "--data", "cifar10", "--data-dir", self.args.data_dir, "--threads", "1", "--json", "--seed", str(seed),
                   "--epochs", "1000", "--max-flops", f"{flops:.3g}", "--run-dir", where, *NETWORKS[network], *self.args.train]
        command += [a.format(best=os.path.join(self.args.runs, f"{slug(network)}_best_{seed}")) for a in {**POLICIES, **OPTIONS}[policy]]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        if done.returncode:
            sys.exit(f"{' '.join(command)} ended with exit code {done.returncode}: {done.stderr}")
        row = json.loads(done.stdout)
        out = {**row, "network": network, "policy": policy, "seed": seed, "epochs": round(row["steps"] * BATCH / 50000, 2),
               "growth_events": [short(e) for e in row["growth_events"]]}
        for key in ("run", "run_dir", "timing", "dropped", "model", "data"):
            out.pop(key, None)
        print(f"{network}: {policy} seed {seed}: {100 * row['test_accuracy']:.1f} %, {row['params_end']} parameters, {out['epochs']} epochs, "
              f"{row['cpu_s']:.0f} s of processor time", file=sys.stderr, flush=True)
        return out

    def calibrate(self, network, policy):
        """Returns the run of the first seed that takes the time, and its budget."""
        want, flops = self.args.cpu_s, self.args.flops or PILOT[network] * self.args.cpu_s
        for attempt in range(self.args.tries):
            row = self.run(network, policy, self.args.seeds[0], flops)
            if self.args.flops or abs(row["cpu_s"] - want) <= 0.1 * want or attempt == self.args.tries - 1:
                return row, flops
            flops *= min(6, max(0.2, want / max(row["cpu_s"], 0.5)))

    def all(self):
        with concurrent.futures.ThreadPoolExecutor(self.args.jobs) as pool:
            for policies in (["best"], [p for p in self.args.policies if p != "best"]):
                wanted = [(n, p) for n in self.args.networks for p in policies if p in self.args.policies]
                first = {key: pool.submit(self.calibrate, *key) for key in wanted}
                rest = []
                for key in wanted:
                    row, flops = first[key].result()
                    yield row
                    rest += [pool.submit(self.run, *key, s, flops) for s in self.args.seeds[1:]]
                for r in rest:
                    yield r.result()


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--tinygrow", required=True, help="the binary to run")
    ap.add_argument("--data-dir", required=True, help="directory of CIFAR-10")
    ap.add_argument("--runs", required=True, help="directory for the runs")
    ap.add_argument("--networks", type=lambda s: s.split(";"), default=list(NETWORKS), help="separated by semicolons")
    ap.add_argument("--policies", type=lambda s: s.split(";"), default=list(POLICIES), help="separated by semicolons: " + ", ".join([*POLICIES, *(f"'{o}'" for o in OPTIONS)]))
    ap.add_argument("--seeds", type=lambda s: [int(x) for x in s.split(",")], default=[1, 2, 3])
    ap.add_argument("--cpu-s", type=float, default=100, help="seconds of processor time of a run")
    ap.add_argument("--flops", type=float, help="the same budget of computation for all, instead of processor time")
    ap.add_argument("--tries", type=int, default=3)
    ap.add_argument("--jobs", type=int, default=2)
    ap.add_argument("train", nargs="*", help="more arguments of `tinygrow train`, after --")
    args = ap.parse_args()
    for row in Campaign(args).all():
        print(json.dumps(row), flush=True)


if __name__ == "__main__":
    main()
