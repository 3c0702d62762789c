#!/usr/bin/env python3
"""Tables: tinygrow beside scikit-learn's histogram gradient boosting and multilayer perceptron, on the same split.

Four sets: breast cancer and diabetes, which come with scikit-learn, and two made here by a seed, of the kind that people
have: incomes of 20,000 persons by age, education, hours and occupation, with gaps and interactions (classes), and prices of 10,000
houses (numbers). Each is written as train.csv and test.csv, a fifth for testing by the seed. tinygrow trains for --epochs epochs
in batches of 32 from 8 neurons a layer, by its default policy, and ungrown with 64 neurons a layer, both with a weight decay of
10 / rows, at least its default of 0.0005; scikit-learn's models have their defaults, the perceptron on standardised numbers and
one-hot categories with early stopping. All have one thread. Prints JSON: accuracy, or R2 of numbers, by set, model and seed, and
processor seconds. Called by tables.sh.
"""
import argparse
import csv
import datetime
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time

os.environ["OMP_NUM_THREADS"] = "1"  # one thread, as ours; read by the imports below

import numpy
from sklearn import datasets
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

from compare import cpu


def incomes(n=20000):
    """Returns columns of persons and whether each earns much: {name: values}, the last is the target."""
    r = numpy.random.default_rng(1)
    age, hours = r.integers(17, 90, n).astype(float), r.normal(40, 12, n).clip(1, 99).round(1)
    schools, jobs = ["none", "school", "college", "master", "doctor"], list("abcdefgh")
    school, job = r.choice(5, n, p=[.1, .4, .3, .15, .05]), r.choice(8, n)
    worth = r.normal(0, .7, 8)
    z = .09 * (age - 30) - .0014 * (age - 45) ** 2 + numpy.array([-1, 0, .8, 1.5, 2.2])[school] + .04 * (hours - 40) + worth[job]
    z += numpy.where((age > 60) & (hours < 30), -1.5, 0) + numpy.where((job < 3) & (school > 2), 1, 0)
    rich = r.random(n) < 1 / (1 + numpy.exp(-z))
    age[r.random(n) < .03] = numpy.nan
    hours[r.random(n) < .05] = numpy.nan
    return {"age": age, "education": [schools[i] for i in school], "hours": hours, "job": [jobs[i] for i in job],
            "income": ["high" if v else "low" for v in rich]}


def houses(n=10000):
    """Returns columns of houses and their prices."""
    r = numpy.random.default_rng(2)
    rooms, year, x, y = r.integers(1, 10, n).astype(float), r.integers(1900, 2025, n).astype(float), r.random(n), r.random(n)
    kind = r.choice(3, n)
    price = 40 * rooms ** .8 + .5 * (year - 1900) + 120 * numpy.exp(-8 * ((x - .3) ** 2 + (y - .6) ** 2)) + 30 * kind * x + r.normal(0, 12, n)
    return {"rooms": rooms, "year": year, "east": x, "north": y, "kind": [["flat", "terrace", "villa"][i] for i in kind], "price": price}


def shipped(load, numbers):
    b = load()
    table = {str(name): b.data[:, i] for i, name in enumerate(b.feature_names)}
    table["target"] = b.target if numbers else [str(b.target_names[t]) for t in b.target]
    return table


SETS = {"breast cancer": lambda: (shipped(datasets.load_breast_cancer, False), False),
        "diabetes": lambda: (shipped(datasets.load_diabetes, True), True),
        "incomes": lambda: (incomes(), False), "houses": lambda: (houses(), True)}


def seconds(who=resource.RUSAGE_SELF):
    u = resource.getrusage(who)
    return u.ru_utime + u.ru_stime


def learned(table, train, test, numbers, seed):
    """Yields name, score and processor seconds of scikit-learn's models."""
    names = list(table)[:-1]
    words = [i for i, n in enumerate(names) if isinstance(table[n], list)]
    plain = [i for i in range(len(names)) if i not in words]
    rows = numpy.array([[table[n][i] for n in names] for i in range(len(table[names[0]]))], dtype=object)
    target = numpy.array(table[list(table)[-1]])
    ordinal = make_column_transformer((OrdinalEncoder(), words), remainder="passthrough")
    scaled = make_column_transformer((OneHotEncoder(handle_unknown="ignore"), words),
                                     (make_pipeline(SimpleImputer(add_indicator=True), StandardScaler()), plain), sparse_threshold=0)
    boosting, perceptron = ((HistGradientBoostingRegressor, MLPRegressor) if numbers else (HistGradientBoostingClassifier, MLPClassifier))
    for name, model in [("gradient boosting", make_pipeline(ordinal, boosting(random_state=seed))),
                        ("MLP of scikit-learn", make_pipeline(scaled, perceptron((64, 64), early_stopping=True, max_iter=500, random_state=seed)))]:
        began = seconds()
        model.fit(rows[train], target[train])
        yield name, float(model.score(rows[test], target[test])), seconds() - began


def write(path, table, which):
    with open(path, "w", newline="") as f:
        w = csv.writer(f)
        w.writerow(table)
        for i in which:
            w.writerow(["" if isinstance(v, float) and v != v else v for v in (column[i] for column in table.values())])


def ours(args, where, rows, seed):
    """Yields name, score and processor seconds of ours."""
    for name, more in [("tinygrow, grown", ["--set", "model.widths=[8,8]"]), ("tinygrow, fixed 64-64", ["--policy", "none"])]:
        with tempfile.TemporaryDirectory() as d:
            began = time.perf_counter()
            out = subprocess.run([args.tinygrow, "train", "--data", "table", "--data-dir", where, "--epochs", str(args.epochs), "--batch", "32",
                                  "--seed", str(seed), "--threads", "1", "--set", f"optim.weight_decay={max(10 / rows, 0.0005):.2g}", "--ui", "off", "--json", "--run-dir", os.path.join(d, "run"), *more,
                                  *args.train], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            if out.returncode:
                sys.exit(out.stderr)
            r = json.loads(out.stdout)
            print(f"{name}: {time.perf_counter() - began:.0f} s", file=sys.stderr)
            yield name, r["test_accuracy"], r["cpu_s"]


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--tinygrow", required=True, help="the binary to measure")
    ap.add_argument("--epochs", type=int, default=30)
    ap.add_argument("--seeds", type=int, default=3)
    ap.add_argument("train", nargs="*", help="more arguments of `tinygrow train`, after --")
    args = ap.parse_args()
    rows = []
    for name, make in SETS.items():
        table, numbers = make()
        n, found = len(next(iter(table.values()))), {}
        for seed in range(1, args.seeds + 1):
            order = numpy.random.default_rng(seed).permutation(n)
            test, train = order[:n // 5], order[n // 5:]
            with tempfile.TemporaryDirectory() as where:
                write(os.path.join(where, "train.csv"), table, train)
                write(os.path.join(where, "test.csv"), table, test)
                for model, score, cost in [*ours(args, where, len(train), seed), *learned(table, train, test, numbers, seed)]:
                    found.setdefault(model, []).append((score, cost))
        for model, runs in found.items():
            rows.append({"set": name, "rows": n, "columns": len(table) - 1, "metric": "R2" if numbers else "accuracy", "model": model,
                         "scores": [round(s, 4) for s, _ in runs], "median": round(statistics.median(s for s, _ in runs), 4),
                         "cpu_s": round(statistics.median(c for _, c in runs), 2)})
            print(f"{name}: {model}: {rows[-1]['scores']}", file=sys.stderr, flush=True)
    json.dump({"date": datetime.date.today().isoformat(), "cpu": cpu(), "epochs": args.epochs, "rows": rows}, sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    main()
