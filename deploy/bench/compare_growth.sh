#!/usr/bin/env bash
# Builds tinygrow and measures its growth statistics against the authors' algorithm in PyTorch on this machine, one core
# against one core, in paired, alternating runs, and the cost of growth events beside training. Takes some five minutes.
# Usage: deploy/bench/compare_growth.sh [--models mlp-64,conv-16-32] [--repeat 3] > deploy/bench/results/growth-cost.json
# Needs a Python with torch (Debian: apt-get install python3-torch); another one than /usr/bin/python3: --python PATH.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
bin=$(mktemp -d)
trap 'rm -rf "$bin"' EXIT
(cd "$here/../.." && CGO_ENABLED=0 go build -o "$bin/tinygrow" ./cmd/tinygrow)
"${PYTHON:-/usr/bin/python3}" "$here/compare_growth.py" --tinygrow "$bin/tinygrow" "$@"
