#!/usr/bin/env python3
"""What a host with several workers puts on the wire: bytes through a NATS server a step, by the server's own counters.

A coordinator and workers are processes of this machine, with a nats-server between them that tells its counters at /varz.
They are read when half of the steps are made and again when the run is over, and divided by the steps between. Each
case is one of numbers of workers, of worker.combine, and of train.wire; all cases of a wire must end in the same
weights. Called by combine.sh.
"""
import argparse
import datetime
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def varz(port):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/varz") as r:
        v = json.load(r)
    return v["in_bytes"], v["out_bytes"]


def until(what, condition, seconds=600):
    end = time.time() + seconds
    while not condition():
        if time.time() > end:
            sys.exit(f"{what} does not come")
        time.sleep(0.2)


def steps_made(run):
    try:
        with open(os.path.join(run, "metrics.jsonl")) as f:
            return sum('"kind":"step"' in line for line in f)
    except FileNotFoundError:
        return 0


def measure(args, workers, combine, wire):
    port, monitor = free_port(), free_port()
    with tempfile.TemporaryDirectory() as d:
        server = subprocess.Popen(["nats-server", "-a", "127.0.0.1", "-p", str(port), "-m", str(monitor)], stderr=subprocess.DEVNULL)
        common = ["--nats", f"nats://127.0.0.1:{port}", "--log-format", "json"]
        run = os.path.join(d, "run")
        members = []
        try:
            until("the server", lambda: answers(monitor))
            env = dict(os.environ, XDG_CACHE_HOME=d)
            coordinator = subprocess.Popen([args.tinygrow, "coordinator", *common, "--run-dir", run, "--model", args.model, "--limit", "2560",
                                            "--batch", str(args.batch), "--policy", "none", "--steps", str(args.steps), "--set",
                                            "train.eval_epochs=0", "--set", f"train.wire={wire}", "--set", "cluster.log=off", "--set",
                                            f"cluster.min_workers={1 if combine else workers}", "--json"], stdout=subprocess.PIPE,
                                           stderr=subprocess.DEVNULL, env=env)
            for _ in range(workers):
                members.append(subprocess.Popen([args.tinygrow, "worker", *common, "--run", "run", "--threads", "1", "--cache", os.path.join(d, "cache"),
                                                 "--limit", "2560", "--set", f"worker.combine={str(combine).lower()}"],
                                                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=env))
            half = args.steps // 2
            until("half of the run", lambda: steps_made(run) >= half)
            first, before = steps_made(run), varz(monitor)
            out, _ = coordinator.communicate()
            if coordinator.returncode:
                sys.exit(f"the coordinator ended with exit code {coordinator.returncode}")
            after = varz(monitor)
            for m in members:
                m.wait(60)
        finally:
            for p in members:
                p.poll() is None and p.kill()
            server.terminate()
            server.wait()
    result = json.loads(out)
    steps = args.steps - first
    row = {"workers": workers, "combine": combine, "wire": wire, "steps": steps, "params": result["params_end"],
           "in_bytes_per_step": round((after[0] - before[0]) / steps), "out_bytes_per_step": round((after[1] - before[1]) / steps),
           "samples_per_s": round(result["timing"]["samples"] / result["timing"]["wall_s"], 1), "model_sha256": result["model_sha256"]}
    row["bytes_per_step"] = row["in_bytes_per_step"] + row["out_bytes_per_step"]
    print(f"{workers} workers, combine {combine}, {wire}: {row['bytes_per_step'] / 1e6:.3f} MB a step, {row['samples_per_s']} samples/s", file=sys.stderr)
    return row


def answers(port):
    try:
        return varz(port) is not None
    except OSError:
        return False


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--tinygrow", required=True)
    p.add_argument("--model", default="vgg")
    p.add_argument("--batch", type=int, default=256)
    p.add_argument("--steps", type=int, default=60)
    p.add_argument("--workers", default="1,3,8")
    p.add_argument("--wires", default="fp32,bf16")
    args = p.parse_args()
    rows = []
    for wire in args.wires.split(","):
        for combine in (False, True):
            rows += [measure(args, int(n), combine, wire) for n in args.workers.split(",")]
        if len({r["model_sha256"] for r in rows if r["wire"] == wire}) != 1:
            sys.exit(f"the runs with {wire} do not end in the same weights: {rows}")
    json.dump({"date": datetime.date.today().isoformat(), "cores": os.cpu_count(), "model": args.model, "batch": args.batch, "steps": args.steps,
               "rows": rows}, sys.stdout, indent=1)
    print()


main()
