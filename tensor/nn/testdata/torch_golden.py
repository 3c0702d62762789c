#!/usr/bin/env python3
"""Computes the goldens of TestAgainstPyTorch with PyTorch in float64.

Run from tensor/nn:  /usr/bin/python3 testdata/torch_golden.py > testdata/torch_golden.json
Needs torch (Debian: python3-torch). Each case is a graph in our JSON, samples, parameters, and what PyTorch
makes of them: outputs, loss, every gradient, running statistics, and the parameters after a few optimizer steps.
"""
import json

import torch
from torch.nn import functional as F

torch.set_default_dtype(torch.float64)


def node(id, op, inputs, **fields):
    return {"id": id, "op": op, "inputs": inputs if isinstance(inputs, list) else [inputs], **fields}


def conv(id, x, out, k, stride=1, pad=0, bias=False):
    return node(id, "conv2d", x, out=out, kernel=k, stride=stride, **({"pad": pad} if pad else {}), **({"bias": True} if bias else {}))


def depthwise(id, x, k, stride=1, pad=0, bias=False):
    return node(id, "depthwiseconv2d", x, kernel=k, stride=stride, **({"pad": pad} if pad else {}), **({"bias": True} if bias else {}))


def bn(id, x):
    return node(id, "batchnorm", x, eps=1e-5, momentum=0.1)


def pool(id, op, x, k, stride, pad=0):
    return node(id, op, x, kernel=k, stride=stride, **({"pad": pad} if pad else {}))


IMAGES = {"generation": 0, "input": {"c": 3, "h": 9, "w": 9}, "loss": "cross_entropy", "nodes": [
    {"id": "x", "op": "input"},
    conv("conv1", "x", 4, 3, 1, 1), bn("bn1", "conv1"), node("relu1", "relu", "bn1"), pool("pool1", "maxpool2d", "relu1", 3, 2, 1),
    conv("conv2", "pool1", 4, 3, 1, 1, True), bn("bn2", "conv2"), node("add2", "add", ["bn2", "pool1"]), node("relu2", "relu", "add2"),
    conv("conv3", "relu2", 5, 2, 2, 1), bn("bn3", "conv3"), conv("short", "relu2", 5, 1, 2, 0), bn("bns", "short"),
    pool("pad3", "avgpool2d", "bn3", 2, 1), node("gelu3", "gelu", "pad3"), node("add3", "add", ["gelu3", "same"]),
    node("id3", "identity", "add3"), node("gap", "globalavgpool", "id3"), node("flat", "flatten", "gap"),
    node("fc", "linear", "flat", out=4, bias=True)]}
# The average pooling makes 2x2 of 3x3; so does this one on the shortcut.
IMAGES["nodes"].insert(14, pool("same", "avgpool2d", "bns", 3, 2, 1))

FLAT = {"generation": 3, "input": {"c": 2, "h": 4, "w": 4}, "loss": "mse", "nodes": [
    {"id": "x", "op": "input"},
    conv("conv1", "x", 3, 3, 1, 1), bn("bn1", "conv1"), node("relu1", "relu", "bn1"), pool("pool1", "maxpool2d", "relu1", 2, 2),
    node("flat", "flatten", "pool1"), node("fc1", "linear", "flat", out=6, bias=True), node("tanh1", "tanh", "fc1"),
    node("fc2", "linear", "tanh1", out=5), bn("bn2", "fc2"), node("relu2", "relu", "bn2"),
    node("fc3", "linear", "relu2", out=3, bias=True)]}

# Depthwise convolutions between pointwise ones, as in MobileNet: odd and even kernels, strides, with and without padding and bias.
DEPTHWISE = {"generation": 0, "input": {"c": 3, "h": 9, "w": 9}, "loss": "cross_entropy", "nodes": [
    {"id": "x", "op": "input"},
    depthwise("dw0", "x", 2, 1, 1), conv("pw1", "dw0", 7, 1), bn("bn1", "pw1"), node("relu1", "relu", "bn1"),
    depthwise("dw1", "relu1", 3, 2, 1), bn("bn2", "dw1"), node("relu2", "relu", "bn2"), conv("pw2", "relu2", 5, 1, 1, 0, True),
    depthwise("dw2", "pw2", 5, 1, 1, True), node("gelu2", "gelu", "dw2"), depthwise("dw3", "gelu2", 1, 2),
    node("gap", "globalavgpool", "dw3"), node("fc", "linear", "gap", out=4, bias=True)]}


# Layer and group normalisation, as in ConvNeXt.
GROUPS = {"generation": 0, "input": {"c": 3, "h": 8, "w": 6}, "loss": "cross_entropy", "nodes": [
    {"id": "x", "op": "input"},
    conv("stem", "x", 8, 2, 2, 0, True), node("ln1", "layernorm", "stem", eps=1e-6), conv("pw1", "ln1", 9, 1, 1, 0, True),
    node("gelu1", "gelu", "pw1"), conv("pw2", "gelu1", 8, 1, 1, 0, True), node("add1", "add", ["pw2", "stem"]),
    node("gn1", "groupnorm", "add1", eps=1e-5, groups=4), conv("conv2", "gn1", 6, 3, 1, 1), node("gn2", "groupnorm", "conv2", eps=1e-5, groups=1),
    node("tanh2", "tanh", "gn2"), node("gap", "globalavgpool", "tanh2"), node("ln2", "layernorm", "gap", eps=1e-5),
    node("fc", "linear", "ln2", out=4, bias=True)]}


# Squeeze and excitation, grouped convolution, side by side, hard functions, layer scale.
GATES = {"generation": 0, "input": {"c": 3, "h": 7, "w": 6}, "loss": "cross_entropy", "nodes": [
    {"id": "x", "op": "input"},
    conv("stem", "x", 8, 3, 1, 1), bn("bn1", "stem"), node("swish", "hardswish", "bn1"), node("avg", "globalavgpool", "swish"),
    conv("fc1", "avg", 3, 1, 1, 0, True), node("relu1", "relu", "fc1"), conv("fc2", "relu1", 8, 1, 1, 0, True), node("gate", "hardsigmoid", "fc2"),
    node("gated", "multiply", ["swish", "gate"]), node("scaled", "layerscale", "gated"), node("sum", "add", ["scaled", "swish"]),
    node("parts", "groupedconv2d", "sum", out=12, kernel=3, stride=2, pad=1, bias=True, groups=4), node("sig", "sigmoid", "parts"),
    node("product", "multiply", ["parts", "sig"]), node("cat", "concat", ["product", "parts"]),
    node("gap", "globalavgpool", "cat"), node("drop", "dropout", "gap"), node("fc", "linear", "drop", out=4, bias=True)]}

# A block of a vision transformer behind a patch embedding. A bias of keys would change no output.
TRANSFORMER = {"generation": 0, "input": {"c": 3, "h": 8, "w": 6}, "loss": "cross_entropy", "nodes": [
    {"id": "x", "op": "input"},
    conv("embed", "x", 8, 2, 2, 0, True), node("pos", "positional", "embed"), node("ln1", "layernorm", "pos", eps=1e-6),
    conv("q", "ln1", 6, 1, 1, 0, True), conv("k", "ln1", 6, 1), conv("v", "ln1", 10, 1, 1, 0, True),
    node("attn", "attention", ["q", "k", "v"], heads=2), conv("proj", "attn", 8, 1, 1, 0, True), node("add1", "add", ["pos", "proj"]),
    node("ln2", "layernorm", "add1", eps=1e-6), conv("up", "ln2", 12, 1, 1, 0, True), node("gelu", "gelu", "up"), conv("down", "gelu", 8, 1, 1, 0, True),
    node("add2", "add", ["add1", "down"]), node("attn2", "attention", ["add2", "add1", "add2"], heads=4, scale=0.6),
    node("gap", "globalavgpool", "attn2"), node("fc", "linear", "gap", out=4, bias=True)]}


# Convolutions of a sequence.
SEQUENCE = {"generation": 0, "input": {"c": 3, "h": 12, "w": 1}, "loss": "cross_entropy", "nodes": [
    {"id": "x", "op": "input"},
    node("c1", "conv1d", "x", out=6, kernel=5, stride=1, pad=2, groups=1), bn("bn1", "c1"), node("relu1", "relu", "bn1"),
    node("c2", "conv1d", "relu1", out=8, kernel=3, stride=2, pad=1, groups=2, bias=True), node("gelu2", "gelu", "c2"),
    node("fc", "linear", "gelu2", out=4, bias=True)]}


def attention(n, q, k, v):
    heads = [t.reshape(t.shape[0], n["heads"], t.shape[1] // n["heads"], -1).transpose(2, 3) for t in (q, k, v)]
    scale = n.get("scale") or heads[0].shape[3] ** -0.5
    return ((scale * heads[0] @ heads[1].transpose(2, 3)).softmax(3) @ heads[2]).transpose(2, 3).reshape(v.shape)


class Net:
    """Interprets a graph; parameters and buffers are in the order of ParamEntries and BufferEntries."""

    def __init__(self, graph, seed):
        self.graph, self.params, self.buffers = graph, {}, {}
        gen = torch.Generator().manual_seed(seed)

        def rand(*shape):
            return torch.randn(*shape, generator=gen).float().double()

        shapes = {}
        for n in graph["nodes"]:
            if n["op"] == "input":
                shapes[n["id"]] = tuple(graph["input"][k] for k in "chw")
                continue
            c, h, w = shapes[n["inputs"][0]]
            k, s, p, out = n.get("kernel", 1), n.get("stride", 1), n.get("pad", 0), n.get("out", c)
            if n["op"] == "conv2d":
                self.params[n["id"] + ".weight"] = (rand(out, c, k, k) * (2 / (c * k * k)) ** 0.5).float().double()
            if n["op"] == "depthwiseconv2d":
                self.params[n["id"] + ".weight"] = (rand(c, 1, k, k) * (2 / (k * k)) ** 0.5).float().double()
            if n["op"] == "linear":
                self.params[n["id"] + ".weight"] = (rand(out, c * h * w) * (1 / (c * h * w)) ** 0.5).float().double()
            if n["op"] == "batchnorm":
                self.params[n["id"] + ".weight"] = (1 + 0.2 * rand(c)).float().double()
                self.buffers[n["id"] + ".running_mean"] = (0.1 * rand(c)).float().double()
                self.buffers[n["id"] + ".running_var"] = (1 + 0.1 * rand(c).abs()).float().double()
            if n["op"] == "groupedconv2d":
                self.params[n["id"] + ".weight"] = (rand(out, c // n["groups"], k, k) * (2 / (c // n["groups"] * k * k)) ** 0.5).float().double()
            if n["op"] == "conv1d":
                self.params[n["id"] + ".weight"] = (rand(out, c // n["groups"], k) * (2 / (c // n["groups"] * k)) ** 0.5).float().double()
            if n["op"] == "layerscale":
                self.params[n["id"] + ".weight"] = (1 + 0.2 * rand(c)).float().double()
            if n["op"] == "positional":
                self.params[n["id"] + ".weight"] = (0.3 * rand(h * w, c)).float().double()
            if n["op"] == "attention":
                out = shapes[n["inputs"][2]][0]
            if n["op"] == "concat":
                out = sum(shapes[i][0] for i in n["inputs"])
            if n["op"] in ("layernorm", "groupnorm"):
                self.params[n["id"] + ".weight"] = (1 + 0.2 * rand(c)).float().double()
            if n.get("bias") or n["op"] in ("batchnorm", "layernorm", "groupnorm"):
                self.params[n["id"] + ".bias"] = (0.2 * rand(out)).float().double()
            h, w = (h + 2 * p - k) // s + 1, 1 if n["op"] == "conv1d" else (w + 2 * p - k) // s + 1
            if n["op"] in ("linear", "globalavgpool"):
                h, w = 1, 1
            shapes[n["id"]] = (out, h, w)
        for v in self.params.values():
            v.requires_grad_()

    def __call__(self, x, train):
        v = {"x": x}
        for n in self.graph["nodes"][1:]:
            a, name = v[n["inputs"][0]], n["id"] + "."
            w, b = self.params.get(name + "weight"), self.params.get(name + "bias")
            k, s, p = n.get("kernel"), n.get("stride"), n.get("pad", 0)
            v[n["id"]] = {
                "conv2d": lambda: F.conv2d(a, w, b, s, p),
                "depthwiseconv2d": lambda: F.conv2d(a, w, b, s, p, groups=a.shape[1]),
                "linear": lambda: F.linear(a.flatten(1), w, b)[:, :, None, None],
                "batchnorm": lambda: F.batch_norm(a, self.buffers[name + "running_mean"], self.buffers[name + "running_var"],
                                                  w, b, train, n["momentum"], n["eps"]),
                "groupedconv2d": lambda: F.conv2d(a, w, b, s, p, groups=n["groups"]),
                "conv1d": lambda: F.conv1d(a[:, :, :, 0], w, b, s, p, groups=n["groups"])[:, :, :, None],
                "layerscale": lambda: a * w[:, None, None], "positional": lambda: a + w.T.reshape(a.shape[1:]),
                "sigmoid": lambda: torch.sigmoid(a), "hardsigmoid": lambda: F.hardsigmoid(a), "hardswish": lambda: F.hardswish(a),
                "multiply": lambda: a * v[n["inputs"][1]], "concat": lambda: torch.cat([v[i] for i in n["inputs"]], 1), "dropout": lambda: a,
                "attention": lambda: attention(n, *(v[i] for i in n["inputs"])),
                "layernorm": lambda: F.layer_norm(a.movedim(1, 3), (a.shape[1],), w, b, n["eps"]).movedim(3, 1),
                "groupnorm": lambda: F.group_norm(a, n["groups"], w, b, n["eps"]),
                "relu": lambda: F.relu(a), "gelu": lambda: F.gelu(a), "tanh": lambda: torch.tanh(a),
                "identity": lambda: a, "flatten": lambda: a,
                "maxpool2d": lambda: F.max_pool2d(a, k, s, p), "avgpool2d": lambda: F.avg_pool2d(a, k, s, p),
                "globalavgpool": lambda: a.mean((2, 3), keepdim=True), "add": lambda: a + v[n["inputs"][1]],
            }[n["op"]]()
        return v[self.graph["nodes"][-1]["id"]].flatten(1)

    def loss(self, y, labels, targets, smooth=True):
        if self.graph["loss"] == "mse":
            return ((y - targets) ** 2).sum()
        return F.cross_entropy(y, labels, reduction="sum", label_smoothing=self.graph.get("smoothing", 0.0) if smooth else 0.0)


def flat(tensors):
    return [float(f"{v:.9g}") for t in tensors for v in t.detach().flatten().tolist()]


# conv2 has a bias in front of batch normalisation, whose gradient is rounding noise: eps keeps AdamW from blowing it up.
OPTIMIZERS = [
    {"name": "sgd", "lr": 0.05, "weight_decay": 0.01},
    {"name": "sgd", "lr": 0.05, "momentum": 0.9, "weight_decay": 0.01},
    {"name": "sgd", "lr": 0.05, "momentum": 0.9, "nesterov": True, "weight_decay": 0.01},
    {"name": "adamw", "lr": 0.01, "weight_decay": 0.1, "beta1": 0.9, "beta2": 0.99, "eps": 1e-4},
]


def optimizer(o, params):
    if o["name"] == "adamw":
        return torch.optim.AdamW(params, lr=o["lr"], betas=(o["beta1"], o["beta2"]), eps=o["eps"], weight_decay=o["weight_decay"])
    return torch.optim.SGD(params, lr=o["lr"], momentum=o.get("momentum", 0), nesterov=o.get("nesterov", False),
                           weight_decay=o["weight_decay"])


def case(graph, n, seed):
    gen = torch.Generator().manual_seed(seed + 100)
    s = graph["input"]
    x = torch.randn(n, s["c"], s["h"], s["w"], generator=gen).float().double()
    out = graph["nodes"][-1]["out"]
    labels, targets = torch.randint(0, out, (n,), generator=gen), torch.randn(n, out, generator=gen).float().double()
    net = Net(graph, seed)
    golden = {"graph": graph, "n": n, "x": flat([x]), "labels": labels.tolist(), "targets": flat([targets]),
              "params": flat(net.params.values()), "buffers": flat(net.buffers.values())}
    y = net(x, True)
    loss = net.loss(y, labels, targets)
    loss.backward()
    golden |= {"output": flat([y]), "loss": loss.item(), "correct": int((y.argmax(1) == labels).sum()),
               "gradient": {k: flat([v.grad]) for k, v in net.params.items()}, "buffers_after": flat(net.buffers.values()),
               "output_eval": flat([net(x, False)]), "loss_eval": net.loss(net(x, False), labels, targets, False).item(), "training": []}
    for o in OPTIMIZERS:
        net = Net(graph, seed)
        opt, losses = optimizer(o, list(net.params.values())), []
        for _ in range(4):
            opt.zero_grad()
            loss = net.loss(net(x, True), labels, targets) / n
            loss.backward()
            opt.step()
            losses.append(loss.item())
        golden["training"].append({"optimizer": o, "losses": losses, "params": flat(net.params.values()),
                                   "buffers": flat(net.buffers.values())})
    return golden


SMOOTH = FLAT | {"loss": "cross_entropy", "smoothing": 0.2}

print(json.dumps([case(IMAGES, 5, 1), case(FLAT, 37, 2), case(SMOOTH, 6, 3), case(DEPTHWISE, 7, 4), case(GROUPS, 6, 5), case(GATES, 5, 6), case(TRANSFORMER, 6, 7), case(SEQUENCE, 5, 8)], separators=(",", ":")))
