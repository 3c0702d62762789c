#!/usr/bin/env bash
# Measures runs on clusters of network namespaces: real computing on three and four hosts behind links that matter, stand-ins on
# up to 33, a half-size wire and local steps; and forecasts each (bench scale --replay), and clusters of 1 to 32 hosts (plan).
# Needs root, ip and tc; takes some ten minutes. Writes box.jsonl, box-forecast.jsonl and plan.jsonl into deploy/bench/results;
# `go run ./deploy/bench/render` takes them into deploy/docs/results.md.
# Usage: deploy/bench/box.sh [measure|forecast]
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
what=${1:-all}
out=${OUT:-$here/results}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
bin=${BIN:-}
if [ -z "$bin" ]; then
  bin=$dir/tinygrow
  (cd "$here/../.." && CGO_ENABLED=0 go build -o "$bin" ./cmd/tinygrow)
fi
# A micro-shard of 32 takes a thread 34 ms for ResNet-18 of width 16 (scale-resnet18-16.json); 9 ms for VGG 32-64-128 is an estimate.
resnet() { "$bin" bench box --apart --hosts "$1" --mbit "$2" --model resnet18-16 "${@:3}" >> "$dir/resnet18-16.jsonl"; }
vgg() { "$bin" bench box --apart --hosts "$1" --mbit "$2" --model vgg "${@:3}" >> "$dir/vgg.jsonl"; }
if [ "$what" != forecast ]; then
  resnet 2 100 --batch 512 --steps 10
  resnet 3 100 --batch 512 --steps 10
  vgg 2 20 --batch 256 --steps 20
  vgg 3 20 --batch 256 --steps 20
  for hosts in 1 2 4 8 16 32; do resnet $hosts 1000 --threads 2 --batch 2048 --steps 6 --stand-in 34ms; done
  for hosts in 2 8; do resnet $hosts 100 --threads 2 --batch 2048 --steps 6 --stand-in 34ms; done
  for hosts in 2 8 32; do resnet $hosts 1000 --threads 2 --batch 2048 --steps 6 --stand-in 34ms --set train.wire=fp16; done
  for every in 4 16; do
    resnet 8 100 --threads 2 --batch 512 --limit 8192 --steps $((every * 6)) --stand-in 34ms --set sync.every=$every --set sync.replicas=8
  done
  resnet 4 1000 --host-workers 2 --servers each --threads 2 --batch 2048 --steps 6 --stand-in 34ms
  for link in "4 1000" "8 1000" "8 100" "16 1000"; do
    read -r hosts mbit <<< "$link"
    resnet "$hosts" "$mbit" --reducers "$hosts" --servers each --threads 2 --batch 2048 --steps 8 --stand-in 34ms --set optim.name=sgd --set optim.lr=0.01
  done
  for hosts in 1 8 32; do vgg $hosts 1000 --threads 2 --batch 2048 --steps 20 --stand-in 9ms; done
  for hosts in 8 32; do vgg $hosts 100 --threads 2 --batch 2048 --steps 20 --stand-in 9ms; done
  vgg 8 1000 --threads 2 --batch 2048 --steps 20 --stand-in 9ms --set train.wire=fp16
  cat "$dir/resnet18-16.jsonl" "$dir/vgg.jsonl" > "$out/box.jsonl"
  : > "$out/box-forecast.jsonl"
  for model in resnet18-16 vgg; do
    "$bin" bench scale --replay "$dir/$model.jsonl" --model $model --json >> "$out/box-forecast.jsonl"
  done
fi
[ "$what" != measure ] || exit 0
: > "$out/plan.jsonl"
for model in resnet18-16:34 vgg:9; do
  "$bin" plan --hosts 1 --model "${model%:*}" --json | sed -E "s/\"microshard_ms\":[0-9.]+/\"microshard_ms\":${model#*:}/" > "$dir/costs.json"
  "$bin" plan --apart --hosts 1,2,4,8,16,32 --mbit 100,1000,10000 --threads 2 --batch 2048 --model "${model%:*}" --costs "$dir/costs.json" \
    --json >> "$out/plan.jsonl"
done
