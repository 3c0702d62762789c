#!/usr/bin/env python3
"""Checks that a sweep over the workers of a cluster that is killed ends with the table of one that nobody disturbed.

Makes a search of so many trials in one process after another, then the same over four `tinygrow sweep worker` on a NATS
server, of which one is killed at a third of the trials (another one takes its place), and the sweep with the processes of
its trials at two thirds. The sweep is resumed; its table must be the same but for the processor time. Prints a JSON
object. Example:

  deploy/test/sweep.py --tinygrow ./tinygrow --nats-server nats-server > deploy/bench/results/sweep-killed.json
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile
import time

from local import machine, say, serve, stop

SWEEP = """trials: %d
algorithm: sso
slots: 8
space:
  optim.lr: logfloat(0.01, 1)
  model.widths[0]: int(2, 32)
  model.widths[1]: int(2, 32)
  optim.name: choice(sgd, muon)
settings: [data.limit=640, model.name=mlp, train.steps=400, train.batch=32, train.microshard=8, train.validation=64,
  train.eval_epochs=0, growth.policy=none]
"""
MEASURED = ("name", "dir", "cpu_s")


def same(value):
    """A table without what is measured."""
    if isinstance(value, dict):
        return {k: same(v) for k, v in value.items() if k not in MEASURED}
    return [same(v) for v in value] if isinstance(value, list) else value


def results(directory):
    try:
        with open(os.path.join(directory, "trials.jsonl")) as f:
            return sum('"kind":"result"' in line for line in f)
    except OSError:
        return 0


def owners(directory):
    """The processes of trials that run."""
    for name in sorted(os.listdir(directory)):
        try:
            with open(os.path.join(directory, name, ".owner")) as f:
                yield json.load(f)["PID"]
        except (OSError, ValueError, KeyError):
            pass


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--tinygrow", required=True)
    ap.add_argument("--nats-server", default="nats-server")
    ap.add_argument("--trials", type=int, default=64)
    args = ap.parse_args()
    with tempfile.TemporaryDirectory() as root:
        report = check(args, root)
    print(json.dumps(report, indent=1))
    sys.exit(0 if report["same"] else 1)


def check(args, root):
    config = os.path.join(root, "s.yaml")
    with open(config, "w") as f:
        f.write(SWEEP % args.trials)
    began = time.monotonic()
    quiet = json.loads(subprocess.run([args.tinygrow, "sweep", config, "--dir", os.path.join(root, "quiet"), "--parallel", "2", "--threads", "1",
                                       "--json"], check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout)
    say(f"undisturbed: {time.monotonic() - began:.0f} s")
    server, port = serve(args.nats_server, root)
    place = ["--nats", f"nats://127.0.0.1:{port}", "--threads", "1"]
    directory = os.path.join(root, "shared")

    def worker():
        return subprocess.Popen([args.tinygrow, "sweep", "worker", "shared", *place], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def wait(process, made):
        while results(directory) < made:
            if process.poll() is not None:
                sys.exit(f"the sweep ended with code {process.returncode} behind {results(directory)} trials")
            time.sleep(0.02)

    workers = [worker() for _ in range(4)]
    killed = []
    try:
        first = subprocess.Popen([args.tinygrow, "sweep", config, "--dir", directory, "--parallel", "4", *place], stdout=subprocess.DEVNULL,
                                 stderr=subprocess.DEVNULL)
        wait(first, args.trials // 3)
        workers[0].kill()
        workers[0].wait()
        killed.append({"what": "worker", "trials": results(directory)})
        workers[0] = worker()
        wait(first, 2 * args.trials // 3)
        trials = list(owners(directory))
        first.kill()
        first.wait()
        for pid in trials:
            try:
                os.kill(pid, 9)
            except ProcessLookupError:
                pass  # it had ended
        killed.append({"what": "sweep and its trials", "trials": results(directory)})
        out = subprocess.run([args.tinygrow, "sweep", "resume", directory, "--parallel", "4", *place, "--json"], check=True,
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        table = json.loads(out.stdout)
    finally:
        stop([*workers, server])
    return {"what": "a sweep over four workers, of which one was killed, and then the sweep itself; its table against that of an undisturbed one",
            **machine(), "trials": table["trials"], "killed": killed, "workers": len(workers), "seconds": round(time.monotonic() - began, 1),
            "best": table["course"][-1]["accuracy"], "same": same(table) == same(quiet)}


if __name__ == "__main__":
    main()
