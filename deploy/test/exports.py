#!/usr/bin/env python3
"""Holds exports against other programs: exports.py TINYGROW [RUN PICTURES...]

Without a run it trains a few small ones for some steps, some of which grow, among them a network of a file (own.yaml) and a transformer that gains heads, and draws 100 pictures. Exports a saved model in every format and compares what comes out for the pictures with `tinygrow predict`:
PyTorch (torch.load with weights_only, and model.py), ONNX (onnx.checker, shape inference, and the operators computed one by
one by PyTorch, by the words of the ONNX specification) and numpy (numpy.load). predict on each export must print the same lines as on
the run. Debian: python3-torch python3-onnx python3-pil. Pictures must have the model's size. No ONNX runtime is among
Debian's packages.
"""

import importlib.util
import json
import os
import subprocess
import sys
import tempfile

import numpy as np
import onnx
import torch
import torch.nn.functional as F
from onnx import numpy_helper
from PIL import Image


def tinygrow(*args):
    return subprocess.run([sys.argv[1], *args], check=True, capture_output=True, text=True).stdout


def attributes(node):
    return {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}


def window(a):
    top, left, bottom, right = a.get("pads", [0, 0, 0, 0])
    assert (top, left) == (bottom, right)
    return a["kernel_shape"], a.get("strides", [1, 1]), [top, left]


def conv(a, x, w, b=None):
    _, stride, pad = window(a)
    return F.conv2d(x, w, b, stride, pad, groups=a.get("group", 1))


def maximum(a, x):
    return F.max_pool2d(x, *window(a))


def average(a, x):
    return F.avg_pool2d(x, *window(a), count_include_pad=bool(a.get("count_include_pad", 0)))


def gemm(a, x, w, b=None):
    y = x @ (w.T if a.get("transB", 0) else w)
    return y if b is None else y + b


OPERATORS = {
    "Conv": conv, "MaxPool": maximum, "AveragePool": average, "Gemm": gemm,
    "GlobalAveragePool": lambda a, x: x.mean((2, 3), keepdim=True),
    "BatchNormalization": lambda a, x, w, b, m, v: F.batch_norm(x, m, v, w, b, eps=a.get("epsilon", 1e-5)),
    "Relu": lambda a, x: x.clamp(min=0), "Tanh": lambda a, x: x.tanh(), "Sigmoid": lambda a, x: x.sigmoid(),
    "Erf": lambda a, x: x.erf(), "Mul": lambda a, x, y: x * y, "Add": lambda a, x, y: x + y,
    "Sum": lambda a, *xs: sum(xs[1:], xs[0]), "Identity": lambda a, x: x, "Flatten": lambda a, x: x.flatten(a.get("axis", 1)),
    "Unsqueeze": lambda a, x, axes: x[(...,) + (None,) * len(axes)],
    "Concat": lambda a, *xs: torch.cat(xs, a["axis"]), "MatMul": lambda a, x, y: x @ y, "Softmax": lambda a, x: x.softmax(a["axis"]),
    "Transpose": lambda a, x: x.permute(a["perm"]), "HardSwish": lambda a, x: F.hardswish(x),
    "HardSigmoid": lambda a, x: (a["alpha"] * x + a["beta"]).clamp(0, 1),
    "Sub": lambda a, x, y: x - y, "Div": lambda a, x, y: x / y, "Sqrt": lambda a, x: x.sqrt(),
    "ReduceMean": lambda a, x: x.mean(a["axes"], keepdim=True),
    "Reshape": lambda a, x, to: x.reshape([x.shape[i] if n == 0 else n for i, n in enumerate(to.tolist())]),
}


def run_onnx(model, image):
    values = {i.name: torch.from_numpy(numpy_helper.to_array(i).copy()) for i in model.graph.initializer}
    values[model.graph.input[0].name] = image
    for node in model.graph.node:
        values[node.output[0]] = OPERATORS[node.op_type](attributes(node), *(values[i] for i in node.input))
    return values[model.graph.output[0].name]


def compare(what, got, want, most):
    difference = float(np.abs(got - want).max() / max(1, np.abs(want).max()))
    print(f"{what}: {len(want)} pictures, largest difference {difference:.2g} of {most:g}")
    assert got.shape == want.shape and difference <= most, what


def module(path):
    spec = importlib.util.spec_from_file_location("exported", path)
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


def check(run, pictures):
    lines = tinygrow("predict", run, *pictures, "--json", "--outputs")
    logits = np.array([json.loads(line)["outputs"] for line in lines.splitlines()], dtype=np.float64)
    paths = [json.loads(line)["path"] for line in lines.splitlines()]
    with tempfile.TemporaryDirectory() as here:
        at = {f: os.path.join(here, f) for f in ("safetensors", "pytorch")}
        at.update(onnx=os.path.join(here, "m.onnx"), npz=os.path.join(here, "m.npz"))
        for name, path in at.items():
            tinygrow("export", run, "--format", name, "--out", path)
            assert tinygrow("predict", path, *pictures, "--json", "--outputs") == lines, name
        print(f"predict: the same lines of the run and of {len(at)} exports")

        exported = module(os.path.join(at["pytorch"], "model.py"))
        net = exported.load(os.path.join(at["pytorch"], "model.pt"))
        state = torch.load(os.path.join(at["pytorch"], "model.pt"), weights_only=True)
        channels = net.mean.shape[1]
        pixels = np.stack([np.asarray(Image.open(p).convert("RGB" if channels == 3 else "L")) for p in paths])
        pixels = torch.from_numpy(pixels.reshape(len(paths), *pixels.shape[1:3], channels).transpose(0, 3, 1, 2).copy())
        image = net.normalise(pixels)
        with torch.no_grad():
            compare("pytorch", net(image).double().numpy(), logits, 1e-5)

        arrays = np.load(at["npz"])
        names = {n for n in arrays.files if n != "tinygrow.json"}
        assert names == set(state) and all(np.array_equal(arrays[n], state[n].numpy()) for n in names), "npz and pytorch differ"
        print(f"npz: {len(names)} arrays, those of model.pt to the bit")

        loaded = onnx.load(at["onnx"])
        onnx.checker.check_model(loaded, full_check=True)
        shapes = onnx.shape_inference.infer_shapes(loaded, strict_mode=True)
        assert len(shapes.graph.value_info) >= len(loaded.graph.node) - 1
        told = {p.key: p.value for p in loaded.metadata_props}
        assert json.loads(told["classes"]) == net.classes and json.loads(told["preprocessing"])["mean"]
        with torch.no_grad():
            compare("onnx", run_onnx(loaded, image).double().numpy(), logits, 1e-4)


# Growth by chance every second step; the others do not grow.
GROWS = ["--policy", "random", "--set", "growth.every_steps=2", "--set", "growth.until=1"]
NETWORKS = [["--model", "cnn", "--set", "model.activation=silu"], ["--model", "vgg", "--set", "model.activation=tanh"],
            ["--model", "mlp", "--set", "model.activation=gelu", "--set", "model.norm=batch"],
            ["--model", "resnet20", "--set", "model.width=8"],
            ["--model", os.path.join(os.path.dirname(os.path.abspath(__file__)), "own.yaml"), *GROWS],
            ["--model", "vit", "--set", "model.width=16", "--set", "model.parameters={depth: 2, drop: 0.1}", *GROWS],
            ["--model", "vit", "--set", "model.width=16", "--set", "model.parameters={depth: 2, heads: 2}", *GROWS,
             "--set", "growth.widths={block.0.attention: 3, block.1.attention: 4}"],
            ["--model", "convnext", "--set", "model.width=8", *GROWS],
            ["--model", "mobilenetv2", "--set", "model.width=8", *GROWS]]


def main():
    if len(sys.argv) > 2:
        return check(sys.argv[2], sys.argv[3:])
    with tempfile.TemporaryDirectory() as here:
        draw = np.random.default_rng(1)
        for i in range(100):
            small = Image.fromarray(draw.integers(0, 256, (8, 8, 3), dtype=np.uint8))
            small.resize((32, 32), Image.BICUBIC).save(os.path.join(here, f"{i:03d}.png"))
        for number, network in enumerate(NETWORKS):
            print(" ".join(network))
            run = os.path.join(here, "runs", str(number))
            result = json.loads(tinygrow("train", "--policy", "none", *network, "--limit", "64", "--batch", "32", "--microshard", "16",
                                         "--steps", "6", "--set", "train.eval_epochs=0", "--run-dir", run, "--json"))
            assert (result["params_end"] > result["params_start"]) == ("random" in network), "growth"
            check(run, sorted(os.path.join(here, f) for f in os.listdir(here) if f.endswith(".png")))


if __name__ == "__main__":
    main()
