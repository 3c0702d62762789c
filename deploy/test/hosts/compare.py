#!/usr/bin/env python3
"""Prints what the steps of two runs cost, one with the worker on the coordinator's host and one on another.

Usage: compare.py LINK NEAR.json NEAR-WORKER.json FAR.json FAR-WORKER.json (what `coordinator --json` and `worker --json` print)
"""
import json
import os
import platform
import sys
import time


def per_step(coordinator, worker):
    timing = coordinator["timing"]
    steps = timing["steps"]
    ms = lambda s: round(1000 * s / steps, 3)
    return {
        "steps": steps,
        "step_ms": ms(timing["wall_s"]),
        "samples_per_s": round(timing["samples"] / timing["wall_s"], 1),
        "coordinator_ms": {k.removesuffix("_s"): ms(v) for k, v in timing["phases"].items()},
        "worker_ms_of_all_rounds": {k: ms(worker[k + "_s"]) for k in ("idle", "weights", "compute", "encode")},
        "worker_bytes_up": worker["bytes_up"],
        "worker_bytes_down": worker["bytes_down"],
    }


def main():
    link, near, near_worker, far, far_worker = sys.argv[1], *(json.load(open(f)) for f in sys.argv[2:])
    same, other = per_step(near, near_worker), per_step(far, far_worker)
    print(json.dumps({
        "what": "a step with one worker of one thread on the coordinator's host and on another one, network namespaces of one machine",
        "link": "1 Gbit/s " + link,
        "machine": {"processor": platform.processor() or platform.machine(), "cpus": os.cpu_count(), "system": platform.platform(), "load_1m": round(os.getloadavg()[0], 1)},
        "note": "shared with other builds and tests: see load_1m",
        "date": time.strftime("%Y-%m-%d"),
        "same_host": same,
        "other_host": other,
        "step_ratio": round(other["step_ms"] / same["step_ms"], 3),
        "same_bits": near["model_sha256"] == far["model_sha256"],
    }, indent=1))


if __name__ == "__main__":
    main()
