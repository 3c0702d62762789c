#!/usr/bin/env bash
# Builds tinygrow and measures the bytes through a NATS server a step with 1, 3 and 8 workers of one host, by themselves and combined, in
# fp32 and bf16. nats-server must be installed. It takes some five minutes on two idle cores.
# Usage: deploy/bench/combine.sh [more flags of combine.py]; writes deploy/bench/results/combine.json.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
bin=$(mktemp -d)
trap 'rm -rf "$bin"' EXIT
(cd "$here/../.." && CGO_ENABLED=0 go build -o "$bin/tinygrow" ./cmd/tinygrow)
python3 "$here/combine.py" --tinygrow "$bin/tinygrow" "$@" > "$bin/combine.json"
mv "$bin/combine.json" "$here/results/combine.json"
