#!/usr/bin/env python3
"""Lets a Prometheus server (Debian's package prometheus) ask a coordinator and a worker while they run, and sends it
every query of the dashboard in deploy/grafana: each must be understood, and all but those about troubles must have an
answer. Prints one line a panel.

Usage: deploy/test/watch.py [--tinygrow PATH] [--prometheus PATH] [--seconds 40]
"""
import argparse
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
DASHBOARD = os.path.join(HERE, "..", "grafana", "dashboards", "tinygrow.json")
SETTINGS = ["model.widths=[2,3]", "train.batch=40", "train.microshard=8", "growth.every_steps=50", "growth.policy=random", "growth.until=1",
            "growth.max_width=64", "report=false"]


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def query(port, text):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v1/query?" + urllib.parse.urlencode({"query": text}), timeout=10) as answer:
        return json.load(answer)["data"]["result"]


def wait_for(port, seconds):
    for _ in range(10 * seconds):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.1)
    sys.exit(f"nobody answers at port {port}")


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--tinygrow", default="tinygrow", help="the binary")
    ap.add_argument("--prometheus", default="prometheus", help="a Prometheus server")
    ap.add_argument("--seconds", type=int, default=40, help="how long it asks")
    args = ap.parse_args()
    with open(DASHBOARD) as f:
        panels = [(p["title"], t["expr"]) for p in json.load(f)["panels"] for t in p["targets"]]
    nats, leads, computes, server = (free_port() for _ in range(4))
    started = []
    with tempfile.TemporaryDirectory(prefix="watch-") as root:
        with open(os.path.join(root, "prometheus.yml"), "w") as f:
            json.dump({"global": {"scrape_interval": "1s", "scrape_timeout": "1s"}, "scrape_configs": [
                {"job_name": "coordinator", "static_configs": [{"targets": [f"127.0.0.1:{leads}"]}]},
                {"job_name": "worker", "static_configs": [{"targets": [f"127.0.0.1:{computes}"]}]}]}, f)

        def start(*command):
            started.append(subprocess.Popen(command, cwd=root, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))

        try:
            start(args.tinygrow, "train", "--limit", "2000", "--steps", "1000000", "--run-dir", "r", "--run", "r", "--threads", "1", "--ui", "off",
                  "--listen", f"127.0.0.1:{nats}", "--metrics", str(leads), *(a for s in SETTINGS for a in ("--set", s)))
            wait_for(nats, 60)
            start(args.tinygrow, "worker", "--nats", f"nats://127.0.0.1:{nats}", "--run", "r", "--threads", "1", "--limit", "2000",
                  "--metrics", str(computes))
            start(args.prometheus, "--config.file=prometheus.yml", "--storage.tsdb.path=data", f"--web.listen-address=127.0.0.1:{server}")
            wait_for(server, 60)
            time.sleep(args.seconds)
            empty = [(title, text) for title, text in panels if not query(server, text)]
        finally:
            for p in started:
                p.terminate()
            for p in started:
                p.wait(30)
    for title, text in panels:
        print(f"{'no answer' if (title, text) in empty else 'ok':9s} {title}: {text}")
    if empty:
        sys.exit(f"{len(empty)} of {len(panels)} queries of the dashboard have no answer")


if __name__ == "__main__":
    main()
