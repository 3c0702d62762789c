#!/usr/bin/env bash
# Builds tinygrow and measures its training step against PyTorch's on this machine, in paired, alternating runs.
# Usage: deploy/bench/compare.sh [--models mlp,vgg] [--repeat 5] [--seconds 2] > deploy/bench/results/compute-MACHINE.json
# Needs a Python with torch (Debian: apt-get install python3-torch); another one than /usr/bin/python3: --python PATH.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
bin=$(mktemp -d)
trap 'rm -rf "$bin"' EXIT
(cd "$here/../.." && CGO_ENABLED=0 go build -o "$bin/tinygrow" ./cmd/tinygrow)
"${PYTHON:-/usr/bin/python3}" "$here/compare.py" --tinygrow "$bin/tinygrow" "$@"
