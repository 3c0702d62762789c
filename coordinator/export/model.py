"""A network that tinygrow trained, as a PyTorch module.

    import torch, model
    net = model.load("model.pt")                      # in evaluation mode
    logits = net(net.normalise(pixels))               # pixels: (N, C, H, W), 0 to 255
    print([net.classes[i] for i in logits.argmax(1)])

model.pt alone is a dict of tensors: torch.load("model.pt", weights_only=True).
"""

import json
import zipfile

import torch
from torch import nn
from torch.nn import functional as F


def _put(root, name, module):
    """Adds a module under a dotted name, so that its tensors are called name.weight and so on."""
    *path, leaf = name.split(".")
    for part in path:
        if part not in dict(root.named_children()):
            root.add_module(part, nn.Module())
        root = getattr(root, part)
    root.add_module(leaf, module)


class _Weight(nn.Module):
    """A tensor that a node reads as it is."""

    def __init__(self, like):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros_like(like))


def _layer(node, tensors):
    """Returns the module of a node that has parameters, else None."""
    weight, bias = tensors.get(node["id"] + ".weight"), node.get("bias", False)
    window = {"stride": node.get("stride", 1), "padding": node.get("pad", 0)}
    if node["op"] == "conv2d":
        return nn.Conv2d(weight.shape[1], weight.shape[0], node["kernel"], bias=bias, **window)
    if node["op"] == "depthwiseconv2d":
        return nn.Conv2d(weight.shape[0], weight.shape[0], node["kernel"], groups=weight.shape[0], bias=bias, **window)
    if node["op"] == "groupedconv2d":
        groups = node["groups"]
        return nn.Conv2d(weight.shape[1] * groups, weight.shape[0], node["kernel"], groups=groups, bias=bias, **window)
    if node["op"] == "conv1d":
        groups = node["groups"]
        return nn.Conv1d(weight.shape[1] * groups, weight.shape[0], node["kernel"], groups=groups, bias=bias, **window)
    if node["op"] in ("layerscale", "positional"):
        return _Weight(weight)
    if node["op"] == "linear":
        return nn.Linear(weight.shape[1], weight.shape[0], bias=bias)
    if node["op"] == "batchnorm":
        return nn.BatchNorm2d(weight.shape[0], eps=node["eps"], momentum=node["momentum"])
    if node["op"] == "layernorm":
        return nn.LayerNorm(weight.shape[0], eps=node["eps"])
    if node["op"] == "groupnorm":
        return nn.GroupNorm(node["groups"], weight.shape[0], eps=node["eps"])
    return None


def _attention(node, q, k, v):
    """Each head by itself; tokens are positions."""
    heads = [t.reshape(t.shape[0], node["heads"], t.shape[1] // node["heads"], -1).transpose(2, 3) for t in (q, k, v)]
    scale = node.get("scale") or heads[0].shape[3] ** -0.5
    shares = (scale * heads[0] @ heads[1].transpose(2, 3)).softmax(3)
    return (shares @ heads[2]).transpose(2, 3).reshape(v.shape)


class Network(nn.Module):
    """Computes the nodes of a graph in their order. Features are (N, C, 1, 1)."""

    def __init__(self, info, tensors):
        super().__init__()
        self.nodes = json.loads(info["graph"])["nodes"]
        made = json.loads(info["preprocessing"]) if "preprocessing" in info else {"mean": [0], "std": [1]}
        self.classes = json.loads(info.get("classes", "[]"))
        self.register_buffer("mean", torch.tensor(made["mean"], dtype=torch.float64).view(1, -1, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(made["std"], dtype=torch.float64).view(1, -1, 1, 1), persistent=False)
        for node in self.nodes:
            layer = _layer(node, tensors)
            if layer is not None:
                _put(self, node["id"], layer)
        self.load_state_dict(tensors)

    def normalise(self, pixels):
        return ((pixels.double() - self.mean) / self.std).float()

    def forward(self, image):
        values = {self.nodes[0]["id"]: image}
        for node in self.nodes[1:]:
            values[node["id"]] = self._compute(node, [values[i] for i in node["inputs"]])
        return values[self.nodes[-1]["id"]].flatten(1)

    def _compute(self, node, inputs):
        op, x = node["op"], inputs[0]
        if op == "linear":
            return self.get_submodule(node["id"])(x.flatten(1))[:, :, None, None]
        if op == "layernorm":  # over the channels of each position
            return self.get_submodule(node["id"])(x.movedim(1, 3)).movedim(3, 1)
        if op == "conv1d":  # over the rows of one column
            return self.get_submodule(node["id"])(x[:, :, :, 0])[:, :, :, None]
        if op == "layerscale":
            return x * self.get_submodule(node["id"]).weight[:, None, None]
        if op == "positional":  # of the tokens, which are positions
            return x + self.get_submodule(node["id"]).weight.T.reshape(x.shape[1:])
        if op == "attention":
            return _attention(node, *inputs)
        if op == "multiply":
            return x * inputs[1]
        if op == "concat":
            return torch.cat(inputs, 1)
        if op == "dropout":
            return F.dropout(x, node.get("rate", 0), self.training)
        if op in ("conv2d", "depthwiseconv2d", "groupedconv2d", "batchnorm", "groupnorm"):
            return self.get_submodule(node["id"])(x)
        if op == "maxpool2d":
            return F.max_pool2d(x, node["kernel"], node["stride"], node.get("pad", 0))
        if op == "avgpool2d":
            return F.avg_pool2d(x, node["kernel"], node["stride"], node.get("pad", 0))
        if op == "globalavgpool":
            return x.mean((2, 3), keepdim=True)
        if op == "add":
            return sum(inputs[1:], x)
        functions = {"relu": F.relu, "gelu": F.gelu, "silu": F.silu, "tanh": torch.tanh, "sigmoid": torch.sigmoid,
                     "hardswish": F.hardswish, "hardsigmoid": F.hardsigmoid}
        return functions[op](x) if op in functions else x  # identity and flatten hand on what they read


def load(path):
    with zipfile.ZipFile(path) as archive:
        info = json.loads(archive.read("model/tinygrow.json"))
    return Network(info, torch.load(path, map_location="cpu")).eval()
