#!/usr/bin/env python3
"""Measures how quickly a standby takes over from a coordinator that is killed, and checks that nothing is lost.

Runs `tinygrow coordinator --standby` twice, each with a run directory of its own, and workers, on a NATS server with
JetStream that syncs every record. Kills the coordinator that leads with SIGKILL at a random time, starts it again as
the standby, and goes on so until there were enough kills; run after run, because each has an end. The time counts from
the kill to the moment when the commit log gets the first step that is new, made again steps not counted. Every run must
end with the hashes of one that was left alone, in a run directory with every step. Prints a JSON object. Example:

  deploy/test/takeover.py --tinygrow ./tinygrow --nats-server nats-server --kills 50 > deploy/bench/results/takeover.json
"""
import argparse
import json
import os
import random
import re
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time

from local import machine, say, serve, stop

HASHES = ("model_sha256", "optimizer_sha256", "journal_sha256")


def number(data, at):
    """The msgpack number at a position."""
    code = data[at]
    width = {0xCC: 1, 0xCD: 2, 0xCE: 4, 0xCF: 8}.get(code, 0)
    return int.from_bytes(data[at + 1:at + 1 + width], "big") if width else code


class Commit:
    """A record of the commit log, and when it came."""

    def __init__(self, data):
        self.at = time.monotonic()
        kind = re.search(rb"\xa4kind[\xa0-\xbf]([a-z]+?)\xa4step", data)
        self.kind, self.step = kind.group(1).decode(), number(data, kind.end())
        self.term = number(data, data.index(b"\xa4term") + 5)
        self.pid = int(re.search(rb", process (\d+),", data).group(1))


class CommitLog(threading.Thread):
    """Listens to what coordinators add to the commit log of a run."""

    def __init__(self, port, run):
        super().__init__(daemon=True)
        self.sock = socket.create_connection(("127.0.0.1", port))
        self.lines = self.sock.makefile("rb")
        self.changed, self.commits = threading.Condition(), []
        self.lines.readline()  # INFO
        self.sock.sendall(b'CONNECT {"verbose":false,"name":"takeover"}\r\nSUB tg.%s.log 1\r\nPING\r\n' % run.encode())
        while self.lines.readline().strip() != b"PONG":
            pass
        self.start()

    def run(self):
        while line := self.lines.readline():
            if line.startswith(b"PING"):
                self.sock.sendall(b"PONG\r\n")
            elif line.startswith(b"MSG"):
                data = self.lines.read(int(line.split()[-1]) + 2)
                with self.changed:
                    self.commits.append(Commit(data))
                    self.changed.notify_all()

    def wait(self, wanted, seconds):
        """The first commit that is wanted, or None."""
        end, seen = time.monotonic() + seconds, 0
        with self.changed:
            while True:
                for c in self.commits[seen:]:
                    if wanted(c):
                        return c
                seen = len(self.commits)
                left = end - time.monotonic()
                if left <= 0:
                    return None
                self.changed.wait(left)

    def last(self):
        with self.changed:
            return self.commits[-1] if self.commits else None

    def close(self):
        self.sock.shutdown(socket.SHUT_RDWR)
        self.join()
        self.sock.close()


class Coordinator:
    def __init__(self, command, directory):
        self.directory, self.out = directory, directory + ".json"
        self.err = directory + ".log"
        self.process = subprocess.Popen(command + ["--run-dir", directory, "--json"], stdout=open(self.out, "w"), stderr=open(self.err, "a"))


class Trial:
    """One run under kills."""

    def __init__(self, args, root, name, url, port, rng):
        self.args, self.root, self.name, self.rng, self.url = args, root, name, rng, url
        self.log = CommitLog(port, name)
        self.command = [args.tinygrow, "coordinator", "--nats", url, "--run", name, "--standby", *args.train,
                        "--set", f"checkpoint.every={args.checkpoint}", "--set", f"cluster.lease={args.lease}"]
        self.children = []

    def launch(self, directory):
        c = Coordinator(self.command, directory)
        self.children.append(c.process)
        return c

    def run(self, kills):
        """Kills up to so many coordinators, and returns the times that takeovers took and the result."""
        workers = [subprocess.Popen([self.args.tinygrow, "worker", "--nats", self.url, "--run", self.name, "--threads", "1", *self.args.worker],
                                    stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) for _ in range(self.args.workers)]
        self.children += workers
        pair = [self.launch(os.path.join(self.root, f"{self.name}-{i}")) for i in range(2)]
        times = []
        while len(times) < kills:
            took = self.kill_one(pair)
            if took is None:
                break
            times.append(took)
            say(f"{self.name}: takeover {len(times)}: term record after {took[0]:.2f} s, new step after {took[1]:.2f} s, {took[2]} steps made again")
        results = [self.finish(c) for c in pair]
        return times, [r for r in results if r]

    def kill_one(self, pair):
        """Kills the leader at a random time and waits until the other one makes a new step; None at the end of the run."""
        time.sleep(self.rng.uniform(*self.args.between))
        leader = self.log.wait(lambda c: c.kind == "step", 60) and self.log.last()
        index = next((i for i, c in enumerate(pair) if leader and c.process.pid == leader.pid), None)
        if index is None or any(c.process.poll() is not None for c in pair):
            return None
        victim = pair[index]
        os.kill(victim.process.pid, signal.SIGKILL)
        killed, newest = time.monotonic(), self.log.last()
        if newest.kind == "end":
            return None
        victim.process.wait()
        began = self.log.wait(lambda c: c.kind == "term" and c.term > newest.term, 60)
        made = self.log.wait(lambda c: c.kind in ("step", "growth") and c.term > newest.term, 60)
        if not made and pair[1 - index].process.poll() is None:
            sys.exit(f"nobody took over from the coordinator killed in term {newest.term}; its standby says:\n" + open(pair[1 - index].err).read()[-4000:])
        pair[index] = self.launch(victim.directory)
        if not made:
            return None  # killed at the very end
        return began.at - killed, made.at - killed, max(0, made.step - began.step - 1)

    def finish(self, c):
        """The result of a coordinator that ended the run, or None for one that had nothing to do."""
        if c.process.wait(600):
            sys.exit(f"a coordinator ended with exit code {c.process.returncode}:\n" + open(c.err).read()[-4000:])
        text = open(c.out).read()
        if not text:
            return None
        with open(os.path.join(c.directory, "metrics.jsonl")) as f:
            steps = [r["step"] for r in map(json.loads, f) if r["kind"] == "step"]
        result = json.loads(text)
        if steps != list(range(1, result["steps"] + 1)):
            sys.exit(f"{c.directory}: the metrics lack steps")
        return result

    def stop(self):
        self.log.close()
        stop(self.children)


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--tinygrow", default="tinygrow", help="the binary")
    ap.add_argument("--nats-server", default="nats-server", help="a nats-server binary")
    ap.add_argument("--kills", type=int, default=50)
    ap.add_argument("--workers", type=int, default=2)
    ap.add_argument("--lease", default="2s", help="cluster.lease")
    ap.add_argument("--checkpoint", default="30s", help="checkpoint.every, the most between two")
    ap.add_argument("--between", type=float, nargs=2, default=(1.0, 4.0), metavar="S", help="least and most seconds between a takeover and the next kill")
    ap.add_argument("--seed", type=int, default=1, help="of the random times")
    ap.add_argument("--note", default="", help="what else to say of the measurement")
    ap.add_argument("train", nargs="*", help="flags of the run, behind --")
    args = ap.parse_args()
    args.tinygrow = os.path.abspath(args.tinygrow)
    args.train = args.train or ["--steps", "400", "--limit", "2000"]
    args.worker = [x for i, flag in enumerate(args.train) if flag in ("--data", "--data-dir", "--limit") for x in args.train[i:i + 2]]
    rng = random.Random(args.seed)
    with tempfile.TemporaryDirectory(prefix="takeover-") as root:
        out = subprocess.run([args.tinygrow, "train", *args.train, "--run-dir", os.path.join(root, "alone"), "--json"], capture_output=True, text=True, check=True)
        want = {h: json.loads(out.stdout)[h] for h in HASHES}
        say("left alone:", want["model_sha256"])
        server, port = serve(args.nats_server, root)
        times, runs = [], 0
        try:
            while len(times) < args.kills:
                runs += 1
                trial = Trial(args, root, f"trial-{runs}", f"nats://127.0.0.1:{port}", port, rng)
                try:
                    got, results = trial.run(args.kills - len(times))
                finally:
                    trial.stop()
                if not results:
                    sys.exit("no coordinator ended the run")
                for r in results:
                    if {h: r[h] for h in HASHES} != want:
                        sys.exit(f"other bits after {len(got)} kills: {r['model_sha256']}, want {want['model_sha256']}")
                times += got
        finally:
            stop([server])
    spread = lambda v: {"median": round(statistics.median(v), 3), "min": round(min(v), 3), "max": round(max(v), 3)}
    print(json.dumps({
        "what": "seconds from SIGKILL of the leading coordinator to the commit of the first new step by its standby",
        **machine(), "note": args.note,
        "kills": len(times), "runs": runs, "same_bits_in_all_runs": True, "lease": args.lease, "checkpoint_every": args.checkpoint,
        "workers": args.workers, "train": args.train,
        "new_step_s": spread([t[1] for t in times]), "term_record_s": spread([t[0] for t in times]), "steps_made_again": spread([t[2] for t in times]),
        "all_new_step_s": [round(t[1], 3) for t in times],
    }, indent=1))


if __name__ == "__main__":
    main()
