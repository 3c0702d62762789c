#!/usr/bin/env python3
"""The statistics and best neurons of "Growing Tiny Networks" at every site, in PyTorch, timed.

The algorithm is the authors' (TMLR 2024, propositions 3.1 and 3.2) in its cheapest form for PyTorch: one pass
that unfolds the inputs of both layers of a site and sums S1, M, S, M_prev and C in float32 matrix products
(new outgoing kernels at their centre, as `tinygrow bench growth` has them), then in float64 the best update,
N = M_prev - C dW*, the inverse root of S by eigh with a relative threshold, and a singular value decomposition.
Networks, sites and sample counts are those of `tinygrow bench growth`. Prints one JSON object:
{"models": [{"model": ..., "sites": ..., "plain_s": ..., "beyond_s": ..., "total_s": ..., "solve_s": ...}]}
where plain is forward and backward over the same samples and beyond is all that growth adds to it, in seconds of
processor time, which other load on the machine distorts less.
"""
import argparse
import json
import time

import torch
from torch import nn
from torch.nn import functional as F

import torch_blas
from torch_step import BasicBlock, mlp, resnet18


def conv_16_32():
    """The two convolutions of `tinygrow bench growth`."""
    return nn.Sequential(nn.Conv2d(3, 16, 3, padding=1, bias=False), nn.ReLU(), nn.Conv2d(16, 32, 3, padding=1, bias=False),
                         nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(32, 10))


def chain(model):
    """Neighbouring layers of a chain of layers, the last of which follow a pooling of everything to one pixel."""
    layers = [m for m in model if isinstance(m, (nn.Linear, nn.Conv2d))]
    return list(zip(layers, layers[1:]))


def blocks(model):
    """The two convolutions of every residual block."""
    return [(m.conv1, m.conv2) for m in model if isinstance(m, BasicBlock)]


MODELS = {
    "mlp-64": (lambda: mlp([3072, 64, 64, 10]), chain),
    "conv-16-32": (conv_16_32, chain),
    "resnet18-16": (lambda: resnet18(16), blocks),
}


def unfold(layer, x):
    """What the layer reads: (inputs, samples, positions), a row of ones last if it has a bias."""
    if isinstance(layer, nn.Conv2d):
        u = F.unfold(x, layer.kernel_size, padding=layer.padding, stride=layer.stride).transpose(0, 1)
    else:
        u = x.t().unsqueeze(2)
    if layer.bias is not None:
        u = torch.cat([u, torch.ones_like(u[:1])])
    return u


class Site:
    """The sums of one site. first gains outputs, second gains inputs."""

    def __init__(self, first, second):
        self.first, self.second, self.sums = first, second, None
        self.pooled = isinstance(first, nn.Conv2d) and isinstance(second, nn.Linear)

    def add(self, inputs, gradients, samples):
        v = -samples * gradients[self.second].transpose(0, 1).reshape(self.outputs(), samples, -1)
        b1, b2 = unfold(self.second, inputs[self.second]), unfold(self.first, inputs[self.first])
        if self.pooled:
            b2 = b2.mean(2, keepdim=True)
        b1, b2, v = (t.reshape(t.shape[0], -1) for t in (b1, b2, v))
        parts = [b1 @ b1.t(), b1 @ v.t(), b2 @ b2.t(), b2 @ v.t(), b2 @ b1.t()]
        if self.sums is None:
            self.sums = [p.double() for p in parts]
        else:
            for s, p in zip(self.sums, parts):
                s += p

    def outputs(self):
        return self.second.weight.shape[0]

    def solve(self, samples, k, threshold=1e-6):
        s1, m, s, m_prev, c = (x / samples for x in self.sums)
        values, q = torch.linalg.eigh(s1)
        keep = values > threshold * values[-1]
        update = q[:, keep] @ ((q[:, keep].t() @ m) / values[keep, None])
        n = m_prev - c @ update
        values, q = torch.linalg.eigh(s)
        keep = values > threshold * values[-1]
        root = q[:, keep] / values[keep].sqrt()
        u, lam, vt = torch.linalg.svd(root.t() @ n, full_matrices=False)
        return (root @ u[:, :k]) * lam[:k].sqrt(), lam[:k].sqrt()[:, None] * vt[:k]


def measure(name, samples, batch):
    torch.manual_seed(1)
    make, pairs = MODELS[name]
    model = make().train()
    sites = [Site(*p) for p in pairs(model)]
    x, y = torch.randn(batch, 3, 32, 32), torch.randint(0, 10, (batch,))

    def one_pass(each):
        started = time.process_time()
        for _ in range(0, samples, batch):
            model.zero_grad(set_to_none=True)
            F.cross_entropy(model(x), y).backward()
            each()
        return time.process_time() - started

    F.cross_entropy(model(x), y).backward()  # warms up
    plain = one_pass(lambda: None)
    inputs, gradients = {}, {}
    for layer in {layer for s in sites for layer in (s.first, s.second)}:
        layer.register_forward_hook(lambda m, i, _: inputs.__setitem__(m, i[0].detach()))
        layer.register_full_backward_hook(lambda m, _, o: gradients.__setitem__(m, o[0]))
    with_sums = one_pass(lambda: [s.add(inputs, gradients, batch) for s in sites])
    started = time.process_time()
    for s in sites:
        s.solve(samples, 32)
    solve = time.process_time() - started
    return {"model": name, "sites": len(sites), "samples": samples, "plain_s": plain, "beyond_s": with_sums + solve - plain,
            "total_s": with_sums + solve, "solve_s": solve}


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--models", default=",".join(MODELS))
    ap.add_argument("--samples", type=int, default=2048)
    ap.add_argument("--batch", type=int, default=128)
    ap.add_argument("--threads", type=int, default=1)
    args = ap.parse_args()
    torch.set_num_threads(args.threads)
    torch_blas.check()
    rows = [measure(m, args.samples, args.batch) for m in args.models.split(",")]
    print(json.dumps({"torch": torch.__version__, "threads": args.threads, "models": rows}))


if __name__ == "__main__":
    main()
