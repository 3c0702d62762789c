#!/usr/bin/env python3
"""Shows on real runs that the same configuration gives the same bits, whatever the workers.

Runs one configuration of `tinygrow train` with several numbers of workers and threads, as separate coordinator and
worker processes on an external NATS server with one worker killed by SIGKILL in the middle and one joining late, and
once killed as a whole and resumed. All must end with equal model, optimizer and journal hashes. Prints a table, and a
JSON object a run with --json. Example:

  deploy/test/samebits.py --tinygrow ./tinygrow --nats-server nats-server -- --data cifar10 --data-dir DIR --steps 300
"""
import argparse
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time

HASHES = ("model_sha256", "optimizer_sha256", "journal_sha256")


def say(*words):
    print(*words, file=sys.stderr, flush=True)


def finish(process):
    out, err = process.communicate()
    if process.returncode:
        sys.exit(f"{' '.join(process.args)} ended with exit code {process.returncode}:\n{err[-4000:]}")
    return json.loads(out)


def start(command):
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def steps_done(run_dir):
    """The number of steps that a run has logged so far."""
    try:
        with open(os.path.join(run_dir, "metrics.jsonl")) as f:
            return sum('"kind":"step"' in line for line in f)
    except FileNotFoundError:
        return 0


def wait_for_step(run_dir, step, process):
    while steps_done(run_dir) < step:
        if process.poll() is not None:
            sys.exit(f"the run ended before step {step}:\n{process.stderr.read()[-4000:]}")
        time.sleep(0.02)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Cases:
    def __init__(self, args, root):
        self.args, self.root = args, root
        self.tinygrow = os.path.abspath(args.tinygrow)

    def run_dir(self, name):
        return os.path.join(self.root, name)

    def train(self, name, workers, threads):
        return finish(start([self.tinygrow, "train", *self.args.train, "--workers", str(workers), "--threads", str(threads),
                             "--run-dir", self.run_dir(name), "--json"]))

    def processes(self, name, kill_at):
        """A coordinator and workers on a NATS server; one worker killed at a step, another joining then."""
        port = free_port()
        server = subprocess.Popen([self.args.nats_server, "-a", "127.0.0.1", "-p", str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        url, run = f"nats://127.0.0.1:{port}", self.run_dir(name)
        children = [server]
        try:
            time.sleep(0.5)
            data = [a for i, a in enumerate(self.args.train) if a in ("--data", "--data-dir", "--limit") or i and self.args.train[i - 1] in ("--data", "--data-dir", "--limit")]
            coordinator = start([self.tinygrow, "coordinator", *self.args.train, "--nats", url, "--run-dir", run, "--json"])
            children.append(coordinator)

            def worker():
                w = subprocess.Popen([self.tinygrow, "worker", "--nats", url, "--run", os.path.basename(run), "--threads", "1", *data],
                                     stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                children.append(w)
                return w

            victim = worker()
            worker()
            wait_for_step(run, kill_at, coordinator)
            victim.send_signal(signal.SIGKILL)
            worker()
            return finish(coordinator)
        finally:
            for c in reversed(children):
                if c.poll() is None:
                    c.terminate()
            for c in children:
                c.wait()

    def resumed(self, name, kill_at):
        """A run killed as a whole by SIGKILL, then resumed."""
        run = self.run_dir(name)
        p = start([self.tinygrow, "train", *self.args.train, "--run-dir", run, "--json"])
        wait_for_step(run, kill_at, p)
        p.send_signal(signal.SIGKILL)
        p.communicate()
        return finish(start([self.tinygrow, "resume", run, "--json"]))


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--tinygrow", required=True, help="the binary to run")
    ap.add_argument("--nats-server", default="", help="a nats-server binary; without one, separate processes are left out")
    ap.add_argument("--workers", default="1,2,3,8")
    ap.add_argument("--threads", default="1,2")
    ap.add_argument("--kill-at", type=int, default=60, help="step at which processes are killed")
    ap.add_argument("--json", action="store_true")
    ap.add_argument("train", nargs="*", help="arguments of `tinygrow train`, after --")
    args = ap.parse_args()
    with tempfile.TemporaryDirectory() as root:
        cases = Cases(args, root)
        todo = {f"{w} workers, {t} threads": (lambda n, w=w, t=t: cases.train(n, w, t)) for w in args.workers.split(",") for t in args.threads.split(",")}
        if args.nats_server:
            todo["processes, one killed, one late"] = lambda n: cases.processes(n, args.kill_at)
        todo["killed whole, resumed"] = lambda n: cases.resumed(n, args.kill_at)
        first, equal = None, True
        for i, (what, case) in enumerate(todo.items()):
            began = time.time()
            row = case(f"case{i}")
            hashes = tuple(row[h] for h in HASHES)
            first = first or hashes
            equal = equal and hashes == first
            events = [e for e in row["growth_events"]]
            say(f"{what:34s} {'same' if hashes == first else 'OTHER':6s} model {hashes[0][:12]} optimizer {hashes[1][:12]} journal {hashes[2][:12]} "
                f"{len(events)} growth events, {row['steps']} steps, {time.time() - began:.0f} s")
            if args.json:
                print(json.dumps({"case": what, "same": hashes == first, "args": args.train[:0] + [a for a in args.train if not a.startswith("/")],
                                  **{h: row[h] for h in HASHES}, "steps": row["steps"], "growth_events": len(events), "test_accuracy": row["test_accuracy"]}), flush=True)
        if not equal:
            sys.exit("not all runs have the same bits")


if __name__ == "__main__":
    main()
