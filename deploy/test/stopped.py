#!/usr/bin/env python3
"""Measures what a worker that stands still for ever costs the others.

Runs a coordinator and workers on a NATS server, each worker in a control group of its own with a part of a processor, so
that what one does not use is of no use to the others. Stops one of them with SIGSTOP in the middle of the run. Prints a
JSON object with the time of a step before, while the worker is still a member, and after it was given up, the steps that
waited for it, and whether the result is that of a run by one process. Needs root and control groups with the controller
cpu, of version 1 or 2. Example:

  sudo deploy/test/stopped.py --tinygrow ./tinygrow --nats-server nats-server > deploy/bench/results/stopped.json
"""
import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time

from local import machine, say, serve, stop

PERIOD = 10000  # microseconds


class Group:
    """A control group that may use a part of a processor."""

    def __init__(self, name, part):
        quota = int(part * PERIOD)
        if os.path.exists("/sys/fs/cgroup/cgroup.controllers"):
            self.path, limits = f"/sys/fs/cgroup/{name}", {"cpu.max": f"{quota} {PERIOD}"}
        else:
            self.path, limits = f"/sys/fs/cgroup/cpu/{name}", {"cpu.cfs_period_us": str(PERIOD), "cpu.cfs_quota_us": str(quota)}
        os.mkdir(self.path)
        for file, value in limits.items():
            self.write(file, value)

    def write(self, file, value):
        with open(os.path.join(self.path, file), "w") as f:
            f.write(value)

    def start(self, command):
        return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, preexec_fn=lambda: self.write("cgroup.procs", str(os.getpid())))


def steps_of(directory):
    """(step, seconds since the start, workers) of all steps so far."""
    try:
        with open(os.path.join(directory, "metrics.jsonl")) as f:
            records = [json.loads(line) for line in f if line.endswith("\n")]
    except OSError:
        return []
    steps, workers = [], 0
    for r in records:
        if r["kind"] == "step":
            workers = r.get("workers", workers)  # what a line leaves out is as before
            steps.append((r["step"], r["wall_s"], workers))
    return steps


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--tinygrow", default="tinygrow", help="the binary")
    ap.add_argument("--nats-server", default="nats-server", help="a nats-server binary")
    ap.add_argument("--workers", type=int, default=4)
    ap.add_argument("--part", type=float, default=0.3, help="of a processor, for each worker")
    ap.add_argument("--steps", type=int, default=160)
    ap.add_argument("--stop", type=int, default=50, help="the step after which a worker is stopped")
    ap.add_argument("train", nargs="*", help="flags of the run, behind --")
    args = ap.parse_args()
    train = args.train or ["--model", "vgg", "--limit", "4096", "--batch", "1024", "--microshard", "16", "--policy", "none"]
    train += ["--steps", str(args.steps), "--set", "train.eval_epochs=0"]
    data = [x for i, flag in enumerate(train) if flag in ("--data", "--data-dir", "--limit") for x in train[i:i + 2]]
    with tempfile.TemporaryDirectory(prefix="stopped-") as root:
        alone = subprocess.run([args.tinygrow, "train", *train, "--run-dir", os.path.join(root, "alone"), "--json"], capture_output=True, text=True, check=True)
        want = json.loads(alone.stdout)["model_sha256"]
        server, port = serve(args.nats_server, root)
        url, directory, groups, processes = f"nats://127.0.0.1:{port}", os.path.join(root, "four"), [], []
        try:
            for i in range(args.workers):
                groups.append(Group(f"tinygrow-{os.getpid()}-{i}", args.part))
                processes.append(groups[-1].start([args.tinygrow, "worker", "--nats", url, "--run", "four", "--threads", "1", *data]))
            coordinator = subprocess.Popen([args.tinygrow, "coordinator", "--nats", url, "--run", "four", "--run-dir", directory, "--json", *train,
                                            "--set", f"cluster.min_workers={args.workers - 1}"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
            processes.append(coordinator)
            while (done := steps_of(directory)) == [] or done[-1][0] < args.stop:
                if coordinator.poll() is not None:
                    sys.exit("the coordinator ended too soon")
                time.sleep(0.2)
            os.kill(processes[0].pid, signal.SIGSTOP)
            say(f"stopped a worker after step {done[-1][0]}")
            out, _ = coordinator.communicate(timeout=900)
            got = json.loads(out)["model_sha256"]
            steps = steps_of(directory)
        finally:
            stop(processes)
            stop([server])
            for g in groups:
                os.rmdir(g.path)
    took = [(step, wall - before, workers) for (_, before, _), (step, wall, workers) in zip(steps, steps[1:])]
    usual = statistics.median(t for step, t, n in took if 10 < step <= args.stop - 5 and n == args.workers)
    first = next(step for step, t, _ in took if step > args.stop and t > 2 * usual)
    member = [t for step, t, n in took if step >= first and n == args.workers]
    after = [t for _, t, n in took if n == args.workers - 1][3:]
    waited = [t for t in member if t > 2 * usual]
    if not after:
        sys.exit(f"the run ended before the worker was given up; give more --steps than {args.steps}")
    rest = [t for t in member if t <= 2 * usual]
    share = args.workers / (args.workers - 1)
    print(json.dumps({
        "what": f"seconds of a step before and after one of {args.workers} workers was stopped for ever, each with {args.part} of a processor",
        **machine(), "train": train, "same_bits": got == want,
        "step_s": round(usual, 4), "share_of_the_stopped": round(share, 3),
        "while_a_member": {"steps": len(rest), "step_s": round(statistics.median(rest), 4) if rest else None,
                           "ratio": round(statistics.median(rest) / usual, 3) if rest else None, "waited_for_it_s": [round(t, 3) for t in waited]},
        "given_up": {"steps": len(after), "step_s": round(statistics.median(after), 4), "ratio": round(statistics.median(after) / usual, 3)},
    }, indent=1))
    if got != want:
        sys.exit("other bits than those of one process")


if __name__ == "__main__":
    main()
