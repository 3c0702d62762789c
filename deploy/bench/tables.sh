#!/usr/bin/env bash
# Builds tinygrow and compares it on tables with scikit-learn's gradient boosting and multilayer perceptron, on the same split.
# Usage: deploy/bench/tables.sh [--seeds 3] > deploy/bench/results/tables.json
# Needs a Python with scikit-learn (Debian: apt-get install python3-sklearn).
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
bin=$(mktemp -d)
trap 'rm -rf "$bin"' EXIT
(cd "$here/../.." && CGO_ENABLED=0 go build -o "$bin/tinygrow" ./cmd/tinygrow)
"${PYTHON:-/usr/bin/python3}" "$here/tables.py" --tinygrow "$bin/tinygrow" "$@"
