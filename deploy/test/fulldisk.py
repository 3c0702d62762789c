#!/usr/bin/env python3
"""Fills the disk of the NATS server in the middle of a run, and checks that nothing is lost.

The server's store lies on a small file system in memory, which is filled up and stays so for some seconds; then there is
room, and the server is started again. The run must have said what is wrong, and end in the bits of a run that was left
alone. Needs root, to mount. Example:

  sudo deploy/test/fulldisk.py --tinygrow ./tinygrow --nats-server nats-server
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile
import time

from local import say, serve, stop


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--tinygrow", default="tinygrow", help="the binary")
    ap.add_argument("--nats-server", default="nats-server", help="a nats-server binary")
    ap.add_argument("--steps", default="900")
    args = ap.parse_args()
    train = ["--limit", "2000", "--steps", args.steps]
    with tempfile.TemporaryDirectory(prefix="fulldisk-") as root:
        alone = subprocess.run([args.tinygrow, "train", *train, "--run-dir", f"{root}/alone", "--json"], capture_output=True, text=True, check=True)
        disk, log = f"{root}/disk", f"{root}/run.log"
        os.mkdir(disk)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", disk], check=True)
        processes = []
        try:
            server, port = serve(args.nats_server, disk)
            processes.append(server)
            nats = ["--nats", f"nats://127.0.0.1:{port}", "--run", "full"]
            processes.append(subprocess.Popen([args.tinygrow, "worker", *nats, "--threads", "1", "--limit", "2000"], stderr=subprocess.DEVNULL))
            run = subprocess.Popen([args.tinygrow, "coordinator", *nats, "--run-dir", f"{root}/run", *train, "--set", "cluster.log=on", "--json"],
                                   stdout=subprocess.PIPE, stderr=open(log, "w"), text=True)
            processes.append(run)
            while not os.path.exists(f"{root}/run/checkpoints"):
                time.sleep(0.1)
            time.sleep(3)
            say("filling the disk")
            try:
                with open(f"{disk}/ballast", "wb") as f:
                    while True:
                        f.write(bytes(1 << 16))
                        f.flush()
            except OSError:
                pass
            time.sleep(8)
            with open(log) as f:
                said = [line for line in f if line.startswith("waiting: ") and "disk is full" in line]
            say("".join(said) or "the run says nothing")
            os.remove(f"{disk}/ballast")
            stop([server])
            server, _ = serve(args.nats_server, disk, port)
            processes.append(server)
            say("there is room, and the server was started again")
            out, _ = run.communicate(timeout=300)
        finally:
            stop(processes)
            subprocess.run(["umount", disk], check=True)
        want, got = (json.loads(text)["model_sha256"] for text in (alone.stdout, out))
        if want != got or not said:
            sys.exit(f"model {got}, want {want}")
        say("same bits:", got)


if __name__ == "__main__":
    main()
