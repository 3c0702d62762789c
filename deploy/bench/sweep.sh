#!/usr/bin/env bash
# Searches against a run that grows, and 64 trials on the data set that is drawn: a line of JSON each, the
# tables of the searches and the results of the runs. About 30 minutes of processor time.
#
#   deploy/bench/sweep.sh CIFAR RUNS > deploy/bench/results/sweep.jsonl
#
# CIFAR is the directory of CIFAR-10's files, RUNS one for the runs. It goes on where it was stopped. Pictures of
# what it made: deploy/bench/sweep.sh draw RUNS.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
seeds="1 2 3" each=4e11

budgets="$each 8e11 1.6e12 3.2e12"

# draw NAME BY FILE: a picture of what was found for a model by the third seed.
draw() {
  local budget beside=()
  for budget in $budgets; do
    beside+=(--beside "$runs/$1grown-3-$budget")
  done
  go run ./cmd/tinygrow sweep plot "$runs/$1random-3" "$runs/$1sso-3" "${beside[@]}" --by "$2" --out "deploy/docs/$3"
}
if [ "$1" = draw ]; then
  runs=$2
  draw "" flops sweep-flops.svg
  draw "" seconds sweep-seconds.svg
  draw resnet18- flops sweep-resnet18.svg
  exit
fi
cifar=$1 runs=$2
tinygrow=$runs/tinygrow
mkdir -p "$runs"
go build -o "$tinygrow" ./cmd/tinygrow
same=(--data cifar10 --data-dir "$cifar" --validation 5000 --epochs 1000 --set train.eval_epochs=0)

cat > "$runs/vgg.yaml" <<YAML
trials: 8
slots: 2
space:
  model.widths[0]: int(4, 32)
  model.widths[1]: int(4, 64)
  model.widths[2]: int(8, 96)
  model.widths[3]: int(8, 128)
  optim.lr: logfloat(0.02, 0.5)
sso: {population: 4}
YAML
cat > "$runs/resnet18.yaml" <<YAML
trials: 8
slots: 2
space:
  model.width: int(1, 12)
  optim.lr: logfloat(0.02, 0.5)
sso: {population: 4}
YAML
cat > "$runs/shapes.yaml" <<YAML
trials: 64
slots: 4
space:
  model.widths[0]: int(4, 24)
  model.widths[1]: int(4, 24)
  model.widths[2]: int(4, 24)
  optim.lr: logfloat(0.003, 1)
  optim.name: choice(sgd, adamw, muon)
  optim.momentum: float(0, 0.95)
YAML

# against NAME MODEL SETTING: searches for a network of a model, and runs that grow it from a setting.
against() {
  local name=$1 model=$2 from=$3 seed algorithm budget dir
  for seed in $seeds; do
    for algorithm in random sso; do
      "$tinygrow" sweep "$runs/$model.yaml" --dir "$runs/$name$algorithm-$seed" --algorithm $algorithm --search-seed "$seed" --parallel 1 \
        --threads 1 --json "${same[@]}" --model "$model" --policy none --max-flops "$each" --seed "$seed"
    done
    for budget in $budgets; do
      dir=$runs/${name}grown-$seed-$budget
      [ -s "$dir.json" ] || "$tinygrow" train --run-dir "$dir" --threads 1 --json --ui off "${same[@]}" --model "$model" \
        --set "$from" --max-flops "$budget" --seed "$seed" > "$dir.json"
      cat "$dir.json"
    done
  done
}
against "" vgg 'model.widths=[4, 4, 4, 4]'
against resnet18- resnet18 model.width=2

# drawn NAME FLAG...: a search of 64 trials on the data set that is drawn.
drawn() {
  local name=$1
  shift
  "$tinygrow" sweep "$runs/shapes.yaml" --dir "$runs/shapes-$name" "$@" --parallel 1 --threads 1 --json --data shapes --limit 2000 \
    --validation 500 --model cnn --policy none --steps 300 --batch 32 --set train.augment=false --set train.eval_epochs=0
}
for algorithm in random sso asha evolve; do
  drawn $algorithm --algorithm $algorithm
done
drawn random-assess --algorithm random --assess
drawn random-search-seed-2 --algorithm random --search-seed 2
drawn random-assess-search-seed-2 --algorithm random --assess --search-seed 2
