#!/usr/bin/env bash
# Builds tinygrow and measures the seconds to 80, 85 and 90 % test accuracy on CIFAR-10: the grown default, a fixed network,
# and the fixed one in PyTorch at its best setting, by turns. Takes hours; the machine should do nothing else.
# Usage: deploy/bench/reach.sh --data-dir CIFAR [--budgets 0.8=1.35e13] [--widths 0.8=12-24-48-96] > deploy/bench/results/reach.json
# Needs a Python with torch on OpenBLAS (Debian: apt-get install python3-torch libopenblas0-pthread).
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
bin=$(mktemp -d)
trap 'rm -rf "$bin"' EXIT
(cd "$here/../.." && CGO_ENABLED=0 go build -o "$bin/tinygrow" ./cmd/tinygrow)
"${PYTHON:-/usr/bin/python3}" "$here/reach.py" --tinygrow "$bin/tinygrow" "$@"
