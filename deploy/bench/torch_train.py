#!/usr/bin/env python3
"""Trains a fixed network of torch_step.py on CIFAR-10 in PyTorch with the recipe of `tinygrow train`, timed.

Batches, augmentation (shifts by up to 2 pixels, mirrored in every second epoch), updates (Muon for convolutions, SGD with
Nesterov's momentum for all else, decay of weights only, gradients of norm 5 at most) and the learning rate, which warms up, is
held up to a part of the run and then goes straight down to 0, are those of our runs by default; what PyTorch is free to
choose (threads, memory layout, wait policy) the caller sets. Images are prepared whole batches at a time. Prints one JSON object: {"evaluations": [{"step", "accuracy", "wall_s", "cpu_s"}], "params", "torch"}. Seconds
count from the first step on, evaluations included, as they do in ours. --trial N makes N steps and prints their speed.
"""
import argparse
import json
import os
import time

import numpy
import torch
from torch import nn
from torch.nn import functional as F

import torch_blas
from torch_step import resnet18, vgg

PAD = 2


def read(directory, names):
    """Returns the images (n, 3, 32, 32) as bytes and the labels of files of CIFAR-10's binary version."""
    raw = numpy.concatenate([numpy.fromfile(os.path.join(directory, n), dtype=numpy.uint8).reshape(-1, 3073) for n in names])
    return torch.from_numpy(raw[:, 1:].reshape(-1, 3, 32, 32).copy()), torch.from_numpy(raw[:, 0].astype(numpy.int64))


def orthogonal(x):
    """Returns about the nearest matrix to x of singular values 1, by three steps of a Newton-Schulz iteration.

    >>> m = orthogonal(torch.randn(5, 9, generator=torch.Generator().manual_seed(1)))
    >>> bool(((torch.linalg.svdvals(m) > 0.6) & (torch.linalg.svdvals(m) < 1.3)).all())
    True
    """
    x = x / (x.norm() + 1e-7)
    flat = x.T if len(x) > x.shape[1] else x
    for _ in range(3):
        gram = flat @ flat.T
        flat = 3.4445 * flat + (-4.7750 * gram + 2.0315 * gram @ gram) @ flat
    return flat.T if len(x) > x.shape[1] else flat


class Muon(torch.optim.Optimizer):
    """Orthogonal updates of convolutions' weights that a batch normalisation follows: rows are held at norm 1 on average,
    so that the rate is the angle by which they turn (K. Jordan's Muon for CIFAR-10, airbench94_muon)."""

    def __init__(self, params, lr, momentum=0.6):
        super().__init__(params, {"lr": lr, "momentum": momentum})

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for p in group["params"]:
                velocity = self.state[p].setdefault("velocity", torch.zeros_like(p))
                velocity.mul_(group["momentum"]).add_(p.grad)
                ahead = p.grad + group["momentum"] * velocity
                p.mul_(len(p) ** 0.5 / p.norm()).sub_(orthogonal(ahead.flatten(1)).view_as(p), alpha=group["lr"])


class Images:
    """All samples, normalised by mean and deviation of the training samples."""

    def __init__(self, directory):
        train, self.labels = read(directory, [f"data_batch_{i}.bin" for i in range(1, 6)])
        test, self.test_labels = read(directory, ["test_batch.bin"])
        pixels = train.float()
        mean, std = pixels.mean((0, 2, 3), keepdim=True), pixels.std((0, 2, 3), keepdim=True)
        self.train = F.pad((pixels - mean) / std, (PAD,) * 4)
        self.mirrored = torch.rand(len(train), 1) < 0.5  # in the epoch at hand
        self.test = (test.float() - mean) / std

    def batch(self, which):
        """Returns samples, each shifted at random, and mirrored where it was not in the epoch before."""
        n = len(which)
        dy, dx = torch.randint(0, 2 * PAD + 1, (2, n))
        rows = dy[:, None] + torch.arange(32)
        columns = dx[:, None] + torch.arange(32)
        columns = torch.where(self.mirrored[which], columns, columns.flip(1))
        x = self.train[which[:, None, None, None], torch.arange(3)[None, :, None, None], rows[:, None, :, None], columns[:, None, None, :]]
        return x, self.labels[which]


class Trainer:
    def __init__(self, args):
        torch.manual_seed(args.seed)
        torch.set_num_threads(args.threads)
        self.args, self.images = args, Images(args.data_dir)
        self.layout = torch.channels_last if args.channels_last else torch.contiguous_format
        self.model = (resnet18(args.width) if args.width else vgg(args.widths)).to(memory_format=self.layout)
        for m in self.model.modules():
            if isinstance(m, nn.Conv2d):
                nn.init.kaiming_normal_(m.weight)
        filters = [m.weight for m in self.model.modules() if isinstance(m, nn.Conv2d)]
        decayed = [m.weight for m in self.model.modules() if isinstance(m, nn.Linear)]
        others = [p for p in self.model.parameters() if not any(p is q for q in filters + decayed)]
        groups = [{"params": decayed, "weight_decay": args.weight_decay}, {"params": others, "weight_decay": 0.0}]
        self.updates = [(torch.optim.SGD(groups, lr=args.lr, momentum=0.9, nesterov=True), 1.0), (Muon(filters, args.lr), args.muon)]
        self.per_epoch = len(self.images.labels) // args.batch
        self.steps = args.trial or args.steps
        self.order, self.at = None, 0

    def rate(self):
        done = self.at / self.steps
        return self.args.lr * min(1.0, done / self.args.warmup if self.args.warmup else 1.0, (1 - done) / (1 - self.args.hold))

    def step(self):
        place = self.at % self.per_epoch
        if place == 0:
            self.order = torch.randperm(len(self.images.labels))
            self.images.mirrored = ~self.images.mirrored
        x, y = self.images.batch(self.order[place * self.args.batch:(place + 1) * self.args.batch])
        self.model.zero_grad(set_to_none=True)
        loss = F.cross_entropy(self.model(x.contiguous(memory_format=self.layout)), y, label_smoothing=self.args.label_smoothing)
        loss.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), 5)
        for optimizer, factor in self.updates:
            for group in optimizer.param_groups:
                group["lr"] = self.rate() * factor
            optimizer.step()
        self.at += 1

    @torch.no_grad()
    def accuracy(self):
        self.model.eval()
        right = 0
        for x, y in zip(self.images.test.split(500), self.images.test_labels.split(500)):
            right += (self.model(x.contiguous(memory_format=self.layout)).argmax(1) == y).sum().item()
        self.model.train()
        return right / len(self.images.test_labels)

    def run(self):
        evaluations, wall, cpu = [], time.perf_counter(), time.process_time()
        while self.at < self.steps:
            self.step()
            if self.at % self.per_epoch == 0 or self.at == self.steps:
                accuracy = self.accuracy()
                evaluations.append({"step": self.at, "accuracy": accuracy, "wall_s": time.perf_counter() - wall, "cpu_s": time.process_time() - cpu})
        return evaluations

    def trial(self):
        for _ in range(3):
            self.step()
        began = time.perf_counter()
        while self.at < self.steps:
            self.step()
        return (self.steps - 3) * self.args.batch / (time.perf_counter() - began)


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--data-dir", required=True, help="directory of CIFAR-10's binary version")
    ap.add_argument("--widths", type=lambda s: [int(w) for w in s.split(",")], default=[16, 32, 64, 128], help="channels of the VGG's convolutions")
    ap.add_argument("--width", type=int, default=0, help="train a ResNet-18 of this base width instead")
    ap.add_argument("--steps", type=int, default=1000)
    ap.add_argument("--trial", type=int, default=0, help="make so many steps, more than 3, and print samples a second")
    ap.add_argument("--batch", type=int, default=128)
    ap.add_argument("--lr", type=float, default=0.1)
    ap.add_argument("--weight-decay", type=float, default=5e-4)
    ap.add_argument("--muon", type=float, default=0.5, help="the rate of convolutions over that of all else")
    ap.add_argument("--warmup", type=float, default=0.03, help="part of the run in which the rate goes up from 0")
    ap.add_argument("--hold", type=float, default=0.25, help="part of the run up to which the rate is held")
    ap.add_argument("--label-smoothing", type=float, default=0.0)
    ap.add_argument("--threads", type=int, default=2)
    ap.add_argument("--channels-last", action="store_true")
    ap.add_argument("--seed", type=int, default=1)
    args = ap.parse_args()
    if args.trial and args.trial <= 3:
        ap.error("--trial must be more than 3")
    t = Trainer(args)
    torch_blas.check()
    out = {"torch": torch.__version__, "params": sum(p.numel() for p in t.model.parameters())}
    if args.trial:
        out["samples_per_s"] = t.trial()
    else:
        out["evaluations"] = t.run()
    print(json.dumps(out))


if __name__ == "__main__":
    main()
