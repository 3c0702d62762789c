#!/usr/bin/env python3
"""One training step (forward, loss, backward, SGD with momentum) in PyTorch, timed.

The networks are those of `tinygrow bench compute`. Prints one JSON object:
{"models": [{"model": ..., "samples_per_s": ..., "params": ...}]}

Threads and OMP_WAIT_POLICY are set by the caller (compare.sh tries every setting).
"""
import argparse
import json
import time

import torch
from torch import nn
from torch.nn import functional as F

import torch_blas


def mlp(widths):
    layers = [nn.Flatten()]
    for a, b in zip(widths[:-2], widths[1:-1]):
        layers += [nn.Linear(a, b), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(widths[-2], widths[-1]))


def vgg(widths):
    layers, channels = [], 3
    for w in widths:
        layers += [nn.Conv2d(channels, w, 3, padding=1, bias=False), nn.BatchNorm2d(w), nn.ReLU(inplace=True), nn.MaxPool2d(2)]
        channels = w
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(channels * (32 >> len(widths)) ** 2, 10))


class BasicBlock(nn.Module):
    def __init__(self, a, b, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(a, b, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(b)
        self.conv2 = nn.Conv2d(b, b, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(b)
        self.down = None
        if stride != 1 or a != b:
            self.down = nn.Sequential(nn.Conv2d(a, b, 1, stride, bias=False), nn.BatchNorm2d(b))

    def forward(self, x):
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)), inplace=True)))
        return F.relu(y + (x if self.down is None else self.down(x)), inplace=True)


def resnet18(width):
    layers = [nn.Conv2d(3, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU(inplace=True)]
    channels = width
    for stage, stride in enumerate((1, 2, 2, 2)):
        w = width << stage
        layers += [BasicBlock(channels, w, stride), BasicBlock(w, w, 1)]
        channels = w
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, 10))


def separable():
    def normed(conv, out):
        return [conv, nn.BatchNorm2d(out), nn.ReLU(inplace=True)]

    layers, channels = normed(nn.Conv2d(3, 32, 3, padding=1, bias=False), 32), 32
    for out, stride in ((64, 1), (128, 2), (128, 1), (256, 2), (256, 1)):
        layers += normed(nn.Conv2d(channels, channels, 3, stride, 1, groups=channels, bias=False), channels)
        layers += normed(nn.Conv2d(channels, out, 1, bias=False), out)
        channels = out
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, 10))


class TransformerBlock(nn.Module):
    def __init__(self, width, heads, hidden):
        super().__init__()
        self.heads = heads
        self.ln1, self.ln2 = nn.LayerNorm(width, eps=1e-6), nn.LayerNorm(width, eps=1e-6)
        self.qkv, self.proj = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.mlp = nn.Sequential(nn.Linear(width, hidden), nn.GELU(), nn.Linear(hidden, width))

    def forward(self, x):
        n, tokens, width = x.shape
        q, k, v = self.qkv(self.ln1(x)).reshape(n, tokens, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        shares = (q @ k.transpose(2, 3) * (width // self.heads) ** -0.5).softmax(3)
        x = x + self.proj((shares @ v).transpose(1, 2).reshape(n, tokens, width))
        return x + self.mlp(self.ln2(x))


class Transformer(nn.Module):
    def __init__(self, width=128, heads=4, hidden=256, blocks=2):
        super().__init__()
        self.embed = nn.Conv2d(3, width, 4, 4)
        self.position = nn.Parameter(0.02 * torch.randn(1, 64, width))
        self.blocks = nn.Sequential(*[TransformerBlock(width, heads, hidden) for _ in range(blocks)])
        self.norm, self.head = nn.LayerNorm(width, eps=1e-6), nn.Linear(width, 10)

    def forward(self, x):
        x = self.embed(x).flatten(2).transpose(1, 2) + self.position
        return self.head(self.norm(self.blocks(x)).mean(1))


MODELS = {
    "mlp": lambda: mlp([3072, 512, 512, 10]),
    "vgg": lambda: vgg([32, 64, 128]),
    "vgg-grown": lambda: vgg([27, 51, 101]),
    "resnet18-8": lambda: resnet18(8),
    "resnet18-16": lambda: resnet18(16),
    "resnet18-64": lambda: resnet18(64),
    "separable": separable,
    "vit": Transformer,
}


def measure(name, batch, seconds, channels_last):
    torch.manual_seed(1)
    model = MODELS[name]().train()
    x, y = torch.randn(batch, 3, 32, 32), torch.randint(0, 10, (batch,))
    if channels_last and name != "mlp":
        model, x = model.to(memory_format=torch.channels_last), x.to(memory_format=torch.channels_last)
    opt = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)

    def step():
        opt.zero_grad(set_to_none=True)
        F.cross_entropy(model(x), y).backward()
        opt.step()

    for _ in range(3):
        step()
    times, end = [], time.perf_counter() + seconds
    while len(times) < 5 or time.perf_counter() < end:
        t = time.perf_counter()
        step()
        times.append(time.perf_counter() - t)
    times.sort()
    return {
        "model": name,
        "samples_per_s": batch / times[len(times) // 2],
        "params": sum(p.numel() for p in model.parameters()),
    }


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--models", default=",".join(MODELS))
    ap.add_argument("--batch", type=int, default=128)
    ap.add_argument("--threads", type=int, default=2)
    ap.add_argument("--seconds", type=float, default=2.0, help="time for each model")
    ap.add_argument("--channels-last", action="store_true")
    args = ap.parse_args()
    torch.set_num_threads(args.threads)
    torch_blas.check()
    rows = [measure(m, args.batch, args.seconds, args.channels_last) for m in args.models.split(",")]
    print(json.dumps({"torch": torch.__version__, "threads": args.threads, "models": rows}))


if __name__ == "__main__":
    main()
