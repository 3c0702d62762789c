#!/usr/bin/env python3
"""Makes pictures of all kinds that people have and compares what tinygrow reads of each
with what Pillow does: deploy/test/pictures/compare.py [DIR]. Needs Go, and Debian's
python3-pil and python3-numpy (/usr/bin/python3). With DIR the pictures stay there.
--golden FILE writes small ones with Pillow's pixels instead, as worker/dataset/testdata has.

The reference is Pillow's picture, turned by ImageOps.exif_transpose and laid over black.
A kind that Pillow reads otherwise on purpose has its reference computed here and says why.
"""
import base64
import io
import json
import os
import struct
import subprocess
import sys
import tempfile

import numpy as np
from PIL import Image, ImageOps

W, H = 45, 31  # odd, and no multiple of any block


def smooth():
    """A picture of soft gradients, in which the stored half-size colours of JPEG lose little."""
    y, x = np.mgrid[0:H, 0:W].astype(float)
    r = 127 + 120 * np.sin(x / 9.0) * np.cos(y / 11.0)
    g = 127 + 120 * np.cos(x / 13.0 + y / 7.0)
    b = 255 * (x + y) / (W + H - 2)
    return np.clip(np.stack([r, g, b], 2).round(), 0, 255).astype(np.uint8)


def noisy(w=0, h=0):
    return np.random.default_rng(1).integers(0, 256, (h or H, w or W, 3), dtype=np.uint8)


def save(img, kind, **how):
    out = io.BytesIO()
    img.save(out, kind, **how)
    return out.getvalue()


def exif(orientation):
    e = Image.Exif()
    e[0x0112] = orientation
    return e.tobytes()


def over_black(rgba):
    rgba = np.asarray(rgba).astype(int)
    return ((rgba[..., :3] * rgba[..., 3:] * 2 + 255) // 510).astype(np.uint8)


def reference(data):
    img = Image.open(io.BytesIO(data))
    img.seek(0)
    img = ImageOps.exif_transpose(img)
    if img.mode in ("I;16", "I;16B", "I"):
        v = np.asarray(img).astype(np.int64)
        v = ((v * 255 * 2 + 65535) // 131070).astype(np.uint8)
        return np.stack([v] * 3, 2)
    if "A" in img.mode or "transparency" in img.info:
        return over_black(img.convert("RGBA"))
    return np.asarray(img.convert("RGB"))


def png16(pixels, colour):
    """A PNG of 16 bits a channel, which Pillow cannot write: pixels is (H, W, C) of uint16."""
    import zlib
    h, w = pixels.shape[:2]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in pixels)
    chunk = lambda kind, body: struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", w, h, 16, colour, 0, 0, 0)) +
            chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


def nearest8(v):
    return ((v.astype(np.int64) * 510 + 65535) // 131070).astype(np.uint8)


def patched(jpeg, transform):
    """A JPEG whose Adobe marker says another transform; None takes the marker out."""
    at = jpeg.index(b"Adobe") - 4
    if transform is None:
        return jpeg[:at] + jpeg[at + 16:]
    return jpeg[:at + 15] + bytes([transform]) + jpeg[at + 16:]


def frame_inside(gif_frame):
    """A GIF whose only frame covers a part of its canvas."""
    data = bytearray(save(gif_frame, "GIF"))
    struct.pack_into("<HH", data, 6, W, H)
    at = data.index(b"\x2c", 13 + 3 * (2 << (data[10] & 7)))
    struct.pack_into("<HH", data, at + 1, 3, 2)
    return bytes(data)


def cases():
    """Yields name, file, tolerance and, where it is not Pillow's, the reference."""
    soft, hard = Image.fromarray(smooth()), Image.fromarray(noisy())
    grey = hard.convert("L")
    alpha = hard.convert("RGBA")
    alpha.putalpha(grey.rotate(180))
    yield "rgb.png", save(hard, "PNG"), 0, None
    yield "grey.png", save(grey, "PNG"), 0, None
    yield "bits1.png", save(hard.convert("1"), "PNG"), 0, None
    for bits, colours in ((2, 4), (4, 16), (8, 200)):
        yield f"palette{bits}.png", save(hard.quantize(colours), "PNG", bits=bits), 0, None
    p = hard.quantize(16)
    yield "palette-alpha.png", save(p, "PNG", transparency=bytes(range(0, 256, 16))), 1, None
    yield "alpha.png", save(alpha, "PNG"), 1, None
    yield "grey-alpha.png", save(alpha.convert("LA"), "PNG"), 1, None
    yield "colour-key.png", save(hard, "PNG", transparency=tuple(int(v) for v in noisy()[4, 5])), 0, None
    deep = np.random.default_rng(2).integers(0, 65536, (H, W, 4)).astype(np.uint16)
    yield "grey16.png", png16(deep[..., :1], 0), 0, None
    yield "rgb16.png", png16(deep[..., :3], 2), 0, nearest8(deep[..., :3])  # Pillow keeps the upper byte
    a = deep.astype(np.int64)
    yield "alpha16.png", png16(deep, 6), 1, nearest8(a[..., :3] * a[..., 3:] // 65535)
    yield "grey16.tif", save(Image.fromarray(deep[..., 0]), "TIFF"), 0, None

    yield "rgb444.jpg", save(hard, "JPEG", quality=95, subsampling=0), 2, None
    yield "rgb422.jpg", save(hard, "JPEG", quality=95, subsampling=1), 3, None
    yield "rgb420.JPG", save(hard, "JPEG", quality=95, subsampling=2), 3, None
    yield "soft420.Jpeg", save(soft, "JPEG", quality=90, subsampling=2), 3, None
    yield "progressive.jpeg", save(hard, "JPEG", quality=80, progressive=True), 3, None
    yield "grey.jpg", save(grey, "JPEG", quality=90), 1, None
    cmyk = Image.fromarray(np.random.default_rng(3).integers(0, 256, (H, W, 4), dtype=np.uint8), "CMYK")
    inks = save(cmyk, "JPEG", quality=95)
    yield "cmyk-adobe.jpg", inks, 2, None
    yield "ycck-adobe.jpg", patched(inks, 2), 3, None
    yield "cmyk-plain.jpg", patched(inks, None), 2, None
    yield "rgb-adobe.jpg", adobe_rgb(hard), 2, None
    for o in range(1, 9):
        yield f"turned{o}.jpg", save(hard, "JPEG", quality=95, subsampling=0, exif=exif(o)), 2, None
    for o in (3, 6, 7):
        yield f"turned{o}.png", save(hard, "PNG", exif=exif(o)), 0, None
    yield "turned8.webp", save(hard, "WEBP", lossless=True, exif=exif(8)), 0, None
    yield "turned5.tif", save(hard, "TIFF", tiffinfo={274: 5}), 0, np.transpose(noisy(), (1, 0, 2))  # Pillow 9.4 does not turn TIFF

    yield "lossless.webp", save(hard, "WEBP", lossless=True), 0, None
    yield "lossless-alpha.webp", save(alpha, "WEBP", lossless=True, exact=True), 1, None
    yield "lossy.webp", save(soft, "WEBP", quality=90), 3, None
    yield "lossy-hard.WEBP", save(hard, "WEBP", quality=90), 3, None
    soft_alpha = soft.convert("RGBA")
    soft_alpha.putalpha(grey)
    yield "lossy-alpha.webp", save(soft_alpha, "WEBP", quality=90), 3, None

    yield "rgb.bmp", save(hard, "BMP"), 0, None
    yield "palette.BMP", save(hard.quantize(200), "BMP"), 0, None
    yield "bits1.bmp", save(hard.convert("1"), "BMP"), 0, None
    yield "still.gif", save(hard.quantize(64), "GIF"), 0, None
    second = Image.fromarray(255 - noisy()).quantize(64)
    yield "moving.GIF", save(hard.quantize(64), "GIF", save_all=True, append_images=[second], duration=50), 0, None
    yield "transparent.gif", save(p, "GIF", transparency=3), 0, None
    inside = Image.fromarray(noisy(W - 5, H - 4)).quantize(32)
    canvas = np.zeros((H, W, 3), np.uint8)  # Pillow fills it with the file's background colour
    canvas[2:H - 2, 3:W - 2] = np.asarray(inside.convert("RGB"))
    yield "inside.gif", frame_inside(inside), 0, canvas
    yield "rgb.tif", save(hard, "TIFF"), 0, None
    yield "lzw.TIF", save(hard, "TIFF", compression="tiff_lzw"), 0, None
    yield "deflate.tiff", save(hard, "TIFF", compression="tiff_adobe_deflate"), 0, None
    yield "packbits.tif", save(grey, "TIFF", compression="packbits"), 0, None
    yield "palette.tif", save(hard.quantize(200), "TIFF"), 0, None
    yield "alpha.tif", save(alpha, "TIFF"), 1, None
    yield "bits1.tif", save(hard.convert("1"), "TIFF"), 0, None


def adobe_rgb(img):
    """A JPEG that stores red, green and blue: CMYK's way of storing, with three components."""
    r, g, b = img.split()
    data = save(Image.merge("YCbCr", (r, g, b)), "JPEG", quality=95, subsampling=0)
    marker = b"\xff\xee\x00\x0eAdobe\x00\x64\x00\x00\x00\x00\x00"
    app0 = 4 + struct.unpack(">H", data[4:6])[0]
    return data[:2] + marker + data[app0:]


def resized(pixels, w, h):
    """The stated rule by Pillow's BILINEAR: cover w x h, cut at the centre."""
    img = Image.fromarray(pixels)
    if img.width * h <= img.height * w:
        cw, ch = w, max((2 * img.height * w + img.width) // (2 * img.width), h)
    else:
        cw, ch = max((2 * img.width * h + img.height) // (2 * img.height), w), h
    x, y = (cw - w) // 2, (ch - h) // 2
    return np.asarray(img.resize((cw, ch), Image.BILINEAR).crop((x, y, x + w, y + h)))


def golden(path):
    global W, H
    W, H = 21, 13
    list = []
    for name, data, tolerance, right in cases():
        right = reference(data) if right is None else right
        text = lambda raw: base64.b64encode(raw).decode()
        list.append({"name": name, "width": right.shape[1], "height": right.shape[0], "tolerance": tolerance, "file": text(data),
                     "pixels": text(right.tobytes())})
    with open(path, "w") as f:
        f.write("[\n" + ",\n".join(json.dumps(entry) for entry in list) + "\n]\n")


def main():
    if sys.argv[1:2] == ["--golden"]:
        return golden(sys.argv[2])
    keep = sys.argv[1] if len(sys.argv) > 1 else None
    with tempfile.TemporaryDirectory() as tmp:
        home = keep or tmp
        os.makedirs(home, exist_ok=True)
        want, lines = [], []
        for name, data, tolerance, right in cases():
            right = reference(data) if right is None else right
            path = os.path.join(home, name)
            for w, h in ((right.shape[1], right.shape[0]), (16, 16), (20, 11)):
                copy = f"{path}.{w}x{h}"
                with open(copy, "wb") as f:
                    f.write(data)
                whole = (h, w) == right.shape[:2]
                want.append((copy, right if whole else resized(right, w, h), tolerance if whole else tolerance + 1))
                lines.append(f"{w} {h} {copy}\n")
        subprocess.run(["go", "run", "./deploy/test/pictures"], input="".join(lines), text=True, check=True)
        bad = 0
        for path, right, tolerance in want:
            name = os.path.basename(path)
            if os.path.exists(path + ".error"):
                print(f"{name}: {open(path + '.error').read()}")
                bad += 1
                continue
            got = np.fromfile(path + ".rgb", np.uint8).reshape(right.shape).astype(int)
            off = np.abs(got - right.astype(int))
            if off.max() > tolerance:
                print(f"{name}: off by up to {off.max()}, {off.mean():.3f} in the mean, at most {tolerance} is right")
                bad += 1
            elif keep:
                print(f"{name}: within {off.max()}, {off.mean():.3f} in the mean")
        print(f"{len(want) // 3} pictures in 3 sizes each, {bad} of {len(want)} wrong")
        sys.exit(bad > 0)


main()
