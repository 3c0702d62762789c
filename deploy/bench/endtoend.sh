#!/usr/bin/env bash
# Builds tinygrow and measures how much of the bare training step's speed a whole run keeps: samples/s of `tinygrow train`
# with one worker over those of `tinygrow bench compute`, in paired, alternating runs.
# Usage: deploy/bench/endtoend.sh --data-dir CIFAR [--models mlp,vgg] [--repeat 3] > deploy/bench/results/endtoend.json
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
bin=$(mktemp -d)
trap 'rm -rf "$bin"' EXIT
(cd "$here/../.." && CGO_ENABLED=0 go build -o "$bin/tinygrow" ./cmd/tinygrow)
"${PYTHON:-/usr/bin/python3}" "$here/endtoend.py" --tinygrow "$bin/tinygrow" "$@"
