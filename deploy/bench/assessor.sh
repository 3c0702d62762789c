#!/usr/bin/env bash
# Records of 40 runs of chains of random widths and rates on CIFAR-10, from which it is measured how well their ends are
# foretold. About ten minutes of processor time, one process at a time.
#
#   deploy/bench/assessor.sh CIFAR RUNS > deploy/bench/results/assessor.jsonl
#
# CIFAR is the directory of CIFAR-10's files, RUNS one for the runs. It goes on where it was stopped.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
cifar=$1 runs=$2
tinygrow=$runs/tinygrow
mkdir -p "$runs"
go build -o "$tinygrow" ./cmd/tinygrow

cat > "$runs/random.yaml" <<YAML
algorithm: random
trials: 40
slots: 1
space:
  model.widths[0]: int(4, 32)
  model.widths[1]: int(4, 64)
  model.widths[2]: int(8, 96)
  model.widths[3]: int(8, 128)
  optim.lr: logfloat(0.01, 0.7)
YAML
"$tinygrow" sweep "$runs/random.yaml" --dir "$runs/random" --parallel 1 --threads 1 --json --data cifar10 --data-dir "$cifar" --limit 9000 \
  --validation 1000 --model vgg --policy none --steps 250 --batch 64 --set train.eval_epochs=0.2 > "$runs/random.json"
"$tinygrow" runs --records - "$runs/random"
