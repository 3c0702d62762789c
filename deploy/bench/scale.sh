#!/usr/bin/env bash
# Builds tinygrow and measures how training on CIFAR-10 scales over 1, 2, 4 and 8 worker processes of this machine: throughput,
# efficiency, time to 55 % test accuracy, processor time and bytes. It takes some four minutes on two cores.
# Usage: deploy/bench/scale.sh CIFAR-DIR [more flags of tinygrow bench scale]
# Writes deploy/bench/results/scale-cifar10.json and .svg; `go run ./deploy/bench/render` takes them into README.md.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
data=${1:?give the directory of CIFAR-10}
bin=$(mktemp -d)
trap 'rm -rf "$bin"' EXIT
(cd "$here/../.." && CGO_ENABLED=0 go build -o "$bin/tinygrow" ./cmd/tinygrow)
mkdir -p "$here/results"
"$bin/tinygrow" bench scale --workers 1,2,4,8 --data cifar10 --data-dir "$data" --model vgg --batch 256 --lr 0.02 --epochs 2 --target 0.55 \
  --plot "$here/results/scale-cifar10.svg" --json "${@:2}" > "$bin/scale.json"
mv "$bin/scale.json" "$here/results/scale-cifar10.json"
