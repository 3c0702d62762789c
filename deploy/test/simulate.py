#!/usr/bin/env python3
"""Simulates runs under seeded schedules of faults and checks that all end in the same bits and in a log that tells one story.

Runs the simulation of the package coordinator (real plan, trainer, ledger and fold; workers, network, disk and clock made
up) for so many schedules, and the test that plants bugs in it. Prints a JSON object that counts the faults. Example:

  deploy/test/simulate.py --schedules 10000 > deploy/bench/results/simulation.json
  deploy/test/simulate.py --schedules 10000 --only-reducers > deploy/bench/results/simulation-reducers.json
"""
import argparse
import json
import os
import re
import subprocess
import sys
import time

from local import machine


def test(name, schedules):
    """Runs a test and returns what it logged and the seconds it took."""
    root = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
    started = time.monotonic()
    out = subprocess.run(["go", "test", "-count=1", "-timeout", "6h", "-v", "-run", f"^{name}$", "./coordinator"], cwd=root, text=True,
                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env={**os.environ, "TINYGROW_SIMULATIONS": str(schedules)})
    if out.returncode or f"--- PASS: {name}" not in out.stdout:
        sys.exit(out.stdout)
    return out.stdout, time.monotonic() - started


def counted(log):
    return int(re.search(r"(\d+) schedules, all with", log).group(1))


def planted(log):
    return dict(re.findall(r'planted bug "([^"]+)" was caught by seed (\d+)', log))


def faults(log):
    return json.loads(re.search(r"; faults (\{.*\})", log).group(1))


def with_reducers(schedules):
    bugs, _ = test("TestSimulationCatchesReducersBugs", schedules)
    log, took = test("TestEveryScheduleOfReducersEndsInTheSameBits", schedules)
    return {"what": "the same with up to four reducers of three ranges, of networks trained by SGD, by clipped AdamW, in local steps and with gates that prune; reducers die, come back, stand still, are cut off and meet others of their id: the bits of a run without them",
            "schedules": counted(log), "seconds": round(took, 1), "planted_bugs_caught": planted(bugs), "faults": faults(log)}


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--schedules", type=int, default=10000)
    ap.add_argument("--only-reducers", action="store_true", help="print the part with_reducers alone")
    args = ap.parse_args()
    if args.only_reducers:
        print(json.dumps({**machine(), **with_reducers(args.schedules)}, indent=1))
        return
    bugs, _ = test("TestSimulationCatchesPlantedBugs", args.schedules)
    log, took = test("TestEveryScheduleEndsInTheSameBits", args.schedules)
    wrong, wrong_took = test("TestAWrongWorkerChangesNoBit", args.schedules)
    unlogged, unlogged_took = test("TestRunsOfOneIDWithoutALog", args.schedules)
    print(json.dumps({
        "what": "schedules of joins, kills, goodbyes, pauses, partitions, losses, damages, repeats, delays, crashes and duels of coordinators that ended in the bits of the undisturbed run",
        **machine(), "schedules": counted(log), "seconds": round(took, 1),
        "planted_bugs_caught": planted(bugs),
        "faults": faults(log),
        "with_a_worker_that_computes_wrongly": {"what": "the same with one of five workers wrong in a fifth of its blocks, all blocks audited: the same bits, and nobody else in quarantine",
                                                "schedules": counted(wrong), "seconds": round(wrong_took, 1), "faults": faults(wrong)},
        "with_reducers": with_reducers(args.schedules),
        "without_a_commit_log": {"what": "an id that another run uses while the workers of a killed coordinator live on, and three runs that begin under one id: the bits of each run alone",
                                 "schedules": counted(unlogged), "seconds": round(unlogged_took, 1), "faults": faults(unlogged)},
    }, indent=1))


if __name__ == "__main__":
    main()
