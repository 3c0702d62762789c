#!/usr/bin/env python3
"""Paired, alternating runs of `tinygrow bench compute` and torch_step.py, and their ratio.

Each repetition runs our program once with all threads and once with one, and PyTorch once at every
setting: plain and channels_last, 1 and 2 threads, OMP_WAIT_POLICY passive and default. PyTorch's rate
of a repetition is the best of its settings. The results are medians over the repetitions: of the
ratios to PyTorch, of what the threads gain over one, and of the peak resident sizes (PyTorch's is the
smallest of its settings), with the machine and the date. Called by compare.sh.
"""
import argparse
import datetime
import itertools
import json
import os
import platform
import statistics
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))


def run(command, env=None):
    """Returns what the command says of its one model, with its peak resident size in MiB."""
    with subprocess.Popen(command, env={**os.environ, **(env or {})}, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as p:
        out, err = p.stdout.read(), p.stderr.read()
        _, status, usage = os.wait4(p.pid, 0)
        p.returncode = os.waitstatus_to_exitcode(status)
    if p.returncode:
        sys.exit(f"{' '.join(command)} ended with exit code {p.returncode}\n{err.decode()}")
    return {**json.loads(out)["models"][0], "rss_mib": usage.ru_maxrss / 1024}


def settings(threads):
    for layout, n, wait in itertools.product(([], ["--channels-last"]), sorted({1, threads}), ("PASSIVE", "")):
        yield f"{'channels_last' if layout else 'plain'}, {n} threads, {wait.lower() or 'default'} wait", layout, n, wait


def peer(args, model):
    best, how, rss = 0.0, "", []
    for name, layout, n, wait in settings(args.threads):
        if layout and model in ("mlp", "vit"):
            continue
        command = [args.python, os.path.join(HERE, "torch_step.py"), "--models", model, "--batch", str(args.batch),
                   "--threads", str(n), "--seconds", str(args.seconds), *layout]
        env = {"OMP_NUM_THREADS": str(n), **({"OMP_WAIT_POLICY": wait} if wait else {})}
        row = run(command, env)
        rss.append(row["rss_mib"])
        if row["samples_per_s"] > best:
            best, how = row["samples_per_s"], name
    return best, how, min(rss)


def ours(args, model, threads, microshard):
    return run([args.tinygrow, "bench", "compute", "--json", "--models", model, "--batch", str(args.batch), "--threads", str(threads),
                "--microshard", str(microshard), "--seconds", str(args.seconds)])


def cpu():
    with open("/proc/cpuinfo") as f:
        for line in f:
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor()


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--tinygrow", required=True, help="the binary to measure")
    ap.add_argument("--python", default="/usr/bin/python3", help="a Python that has torch")
    ap.add_argument("--models", default="mlp,vgg,vgg-grown,resnet18-8,resnet18-16,resnet18-64,separable,vit")
    ap.add_argument("--batch", type=int, default=128)
    ap.add_argument("--threads", type=int, default=2)
    ap.add_argument("--seconds", type=float, default=2.0, help="time for one measurement")
    ap.add_argument("--repeat", type=int, default=5)
    args = ap.parse_args()

    rows = []
    for model in args.models.split(","):
        runs = {key: [] for key in ("samples_per_s", "torch_samples_per_s", "ratio", "scaling", "rss_mib", "torch_rss_mib", "peak_share")}
        # of a run of its own, which tries several and needs the memory of all
        microshard = ours(args, model, args.threads, 0)["microshard"]
        for _ in range(args.repeat):
            mine = ours(args, model, args.threads, microshard)
            alone = ours(args, model, 1, microshard)
            best, how, rss = peer(args, model)
            for key, value in (("samples_per_s", mine["samples_per_s"]), ("torch_samples_per_s", best), ("ratio", mine["samples_per_s"] / best),
                               ("scaling", mine["samples_per_s"] / alone["samples_per_s"]), ("rss_mib", mine["rss_mib"]),
                               ("torch_rss_mib", rss), ("peak_share", mine["peak_share"])):
                runs[key].append(value)
        rows.append({"model": model, "microshard": microshard, **{key: statistics.median(values) for key, values in runs.items()}, "ratios": runs["ratio"], "torch_best_setting": how})
        print("{model:14s} {samples_per_s:9.0f} {torch_samples_per_s:9.0f}  ratio {ratio:.2f}  {threads} threads over one {scaling:.2f}".format(
            threads=args.threads, **rows[-1]), file=sys.stderr)
    print(json.dumps({"date": datetime.date.today().isoformat(), "cpu": cpu(), "cores": os.cpu_count(), "batch": args.batch,
                      "threads": args.threads, "repeat": args.repeat, "models": rows}, indent=1))


if __name__ == "__main__":
    main()
