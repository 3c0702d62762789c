#!/usr/bin/env python3
"""Measures that the memory of coordinator and workers does not grow with the steps of a run.

Runs `tinygrow coordinator` with a commit log, and workers, on a NATS server with JetStream, for many steps of a small
network. Looks twice a second at the resident memory of each process and, through the trace of Go's garbage collector,
at what was live after a collection. Prints a JSON object with the medians early in the run and at its end; fails when
one of them grew by more than --allow MB. Example:

  deploy/test/memory.py --tinygrow ./tinygrow --nats-server nats-server > deploy/bench/results/memory.json
"""
import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time

from local import machine, say, serve, stop


class Watched:
    """A process whose memory is looked at."""

    def __init__(self, name, command, root):
        self.name, self.trace = name, os.path.join(root, name + ".log")
        self.out = os.path.join(root, name + ".out")
        self.process = subprocess.Popen(command, stdout=open(self.out, "w"), stderr=open(self.trace, "w"), env={**os.environ, "GODEBUG": "gctrace=1"})
        self.looks = []  # (step, resident MB, live MB)

    def look(self, step):
        try:
            with open(f"/proc/{self.process.pid}/status") as f:
                resident = int(re.search(r"VmRSS:\s+(\d+) kB", f.read()).group(1)) / 1024
        except (OSError, AttributeError):
            return  # it has ended
        with open(self.trace) as f:
            live = re.findall(r"->\d+->(\d+) MB", f.read())
        self.looks.append((step, resident, int(live[-1]) if live else 0))

    def at(self, lo, hi):
        seen = [(r, l) for step, r, l in self.looks if lo <= step <= hi]
        if not seen:
            sys.exit(f"{self.name}: no look at it between steps {lo} and {hi}")
        return {"resident_mb": round(statistics.median(r for r, _ in seen), 1), "live_mb": statistics.median(l for _, l in seen), "looks": len(seen)}


def last_step(path):
    """The newest step of a run's metrics."""
    try:
        with open(path, "rb") as f:
            f.seek(max(0, os.path.getsize(path) - 8192))
            steps = re.findall(rb'"kind":"step","step":(\d+),', f.read())
        return int(steps[-1]) if steps else 0
    except OSError:
        return 0


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--tinygrow", default="tinygrow", help="the binary")
    ap.add_argument("--nats-server", default="nats-server", help="a nats-server binary")
    ap.add_argument("--steps", type=int, default=10000)
    ap.add_argument("--early", type=int, default=1000, help="the step with which the end is compared")
    ap.add_argument("--workers", type=int, default=2)
    ap.add_argument("--allow", type=float, default=8, help="MB by which a process may have grown")
    args = ap.parse_args()
    run = ["--limit", "320"]
    settings = ["model.widths=[2,3]", "train.batch=40", "train.microshard=8", "train.eval_epochs=50", "growth.every_steps=100", "growth.max_width=6",
                "growth.samples=64", "growth.gate=false", "cluster.log=on"]
    with tempfile.TemporaryDirectory(prefix="memory-") as root:
        server, port = serve(args.nats_server, root)
        url, processes = f"nats://127.0.0.1:{port}", []
        try:
            for i in range(args.workers):
                processes.append(Watched(f"worker-{i + 1}", [args.tinygrow, "worker", "--nats", url, "--run", "long", "--threads", "1", *run], root))
            directory = os.path.join(root, "long")
            coordinator = Watched("coordinator", [args.tinygrow, "coordinator", "--nats", url, "--run", "long", "--run-dir", directory, "--json",
                                                  "--steps", str(args.steps), *run, *[x for s in settings for x in ("--set", s)]], root)
            processes.insert(0, coordinator)
            told = 0
            while coordinator.process.poll() is None:
                time.sleep(0.5)
                step = last_step(os.path.join(directory, "metrics.jsonl"))
                for p in processes:
                    p.look(step)
                if time.monotonic() - told > 10:
                    told = time.monotonic()
                    say(f"step {step} of {args.steps}: " + ", ".join(f"{p.name} {p.looks[-1][1]:.1f} MB" for p in processes if p.looks))
            if coordinator.process.returncode:
                sys.exit("the coordinator failed:\n" + open(coordinator.trace).read()[-4000:])
            with open(coordinator.out) as f:
                result = json.load(f)
        finally:
            stop([p.process for p in processes] + [server])
    band = args.steps // 10
    early, late = (args.early, args.early + band), (args.steps - band, args.steps)
    table = {p.name: {"early": p.at(*early), "late": p.at(*late)} for p in processes}
    grown = {name: {k: round(t["late"][k] - t["early"][k], 1) for k in ("resident_mb", "live_mb")} for name, t in table.items()}
    print(json.dumps({
        "what": f"memory of a run's processes at steps {early[0]} to {early[1]} and {late[0]} to {late[1]}: resident, and live after a garbage collection (in whole MB)",
        **machine(), "steps": result["steps"], "events": len(result["growth_events"]), "parameters": result["params_end"], "wall_s": round(result["wall_s"], 1),
        "processes": table, "grown": grown,
    }, indent=1))
    if any(v > args.allow for g in grown.values() for v in g.values()):
        sys.exit(f"a process grew by more than {args.allow} MB")


if __name__ == "__main__":
    main()
