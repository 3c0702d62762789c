#!/usr/bin/env python3
"""Prints what Pillow makes of a picture by each operation that augmentation has, as JSON for a test.

  deploy/test/augment/pillow.py > worker/dataset/testdata/pillow_augment.json
"""
import json
import math
import sys

from PIL import Image, ImageEnhance, ImageOps, __version__

WIDTH, HEIGHT = 13, 9


def picture(kind):
    """Noise, or noise of few values that operations on histograms have something to do with."""
    state, data = 12345, bytearray()
    for _ in range(3 * WIDTH * HEIGHT):
        state = (1103515245 * state + 12345) % 2**31
        data.append({"noise": state >> 16 & 255, "narrow": 60 + (state >> 16) % 90, "few": (state >> 16) % 4 * 70}[kind])
    return Image.frombytes("RGB", (WIDTH, HEIGHT), bytes(data))


def affine(img, a, b, c, d, dx=0.0, dy=0.0):
    cx, cy = WIDTH / 2, HEIGHT / 2
    return img.transform(img.size, Image.AFFINE, (a, b, cx + dx - a * cx - b * cy, c, d, cy + dy - c * cx - d * cy), Image.NEAREST)


def main():
    cases, pictures = [], {}
    for kind in ("noise", "narrow", "few"):
        img = picture(kind)
        pictures[kind] = img.tobytes().hex()

        def add(name, out, *args):
            cases.append({"picture": kind, "operation": name, "args": args, "want": out.tobytes().hex()})

        for f in (0.0, 0.1, 0.73, 1.0, 1.27, 1.9, 2.0):
            add("brightness", ImageEnhance.Brightness(img).enhance(f), f)
            add("contrast", ImageEnhance.Contrast(img).enhance(f), f)
            add("saturation", ImageEnhance.Color(img).enhance(f), f)
            add("sharpness", ImageEnhance.Sharpness(img).enhance(f), f)
        add("autocontrast", ImageOps.autocontrast(img))
        add("equalize", ImageOps.equalize(img))
        for bits in (4, 6, 8):
            add("posterize", ImageOps.posterize(img, bits), bits)
        for threshold in (0, 100, 255):
            add("solarize", ImageOps.solarize(img, threshold), threshold)
        for s in (-0.3, -0.11, 0.07, 0.29):
            add("affine", affine(img, 1, s, 0, 1), 1, s, 0, 1, 0, 0)
            add("affine", affine(img, 1, 0, s, 1), 1, 0, s, 1, 0, 0)
        for degrees in (-30, -7, 13, 29):
            c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
            add("affine", affine(img, c, s, -s, c), c, s, -s, c, 0, 0)
        for dx, dy in ((3, 0), (-5, 0), (0, 4), (0, -2)):
            add("affine", affine(img, 1, 0, 0, 1, dx, dy), 1, 0, 0, 1, dx, dy)
    json.dump({"by": "Pillow " + __version__ + ", deploy/test/augment/pillow.py", "width": WIDTH, "height": HEIGHT, "pictures": pictures, "cases": cases}, sys.stdout, indent=0)
    print()


if __name__ == "__main__":
    main()
