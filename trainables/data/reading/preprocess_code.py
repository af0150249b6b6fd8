"""Code that prepares an image as in training, for users of an exported network."""

from __future__ import annotations

from collections.abc import Sequence

from trainables.data.reading.image_file import FORMATS

RESIZE_CODE = {
    "crop": """\
    edge = min(image.size)
    left, top = (image.width - edge) // 2, (image.height - edge) // 2
    box = (left, top, left + edge, top + edge)
    image = image.resize((SIDE, SIDE), Image.Resampling.BILINEAR, box=box)
""",
    "pad": """\
    scale = SIDE / max(image.size)
    size = max(1, round(image.width * scale)), max(1, round(image.height * scale))
    square = Image.new("RGB", (SIDE, SIDE))
    corner = (SIDE - size[0]) // 2, (SIDE - size[1]) // 2
    square.paste(image.resize(size, Image.Resampling.BILINEAR), corner)
    image = square
""",
    "stretch": """\
    image = image.resize((SIDE, SIDE), Image.Resampling.BILINEAR)
""",
}
"""``RESIZES`` as text; a test compares both."""

CODE = '''\
import numpy as np
from PIL import Image, ImageOps

SIDE = {side}
MEAN = np.array({mean})  # in pixel values, 0 to 255
STD = np.array({std})
FORMATS = {formats}


def preprocess(path):
    """One image file as the network takes it: (1, 3, SIDE, SIDE) float32.

    Of 16-bit colours Pillow keeps the high byte, at most one level of 255 off what training read.
    A file that training refused, or that Pillow alone reads as another picture, is a ValueError.
    """
    with Image.open(path, formats=FORMATS) as image:
        try:
            image.verify()  # reads the checksums of a PNG, which decoding passes over
        except Exception as problem:
            raise ValueError(f"{{path}}: {{problem}}") from problem
    image = Image.open(path, formats=FORMATS)
    if reason := why_other(image, path):
        raise ValueError(f"{{path}}: {{reason}}; convert it to 8 bits a channel, as a PNG")
    image.load()
    image = ImageOps.exif_transpose(image)
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):  # 16 bits, or floats in [0, 1]
        values = np.asarray(image)
        if image.mode == "F" and not ((values >= 0) & (values <= 1)).all():
            raise ValueError(f"{{path}}: float values must lie in [0, 1]")
        eight = np.rint(values * 255) if image.mode == "F" else (values.astype(int) + 128) // 257
        image = Image.fromarray(eight.astype(np.uint8))
    if image.has_transparency_data:  # over white
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, (255, 255, 255, 255)), image)
    image = image.convert("RGB")
{resize}    pixels = (np.asarray(image) - MEAN) / STD
    return pixels.transpose(2, 0, 1)[None].astype(np.float32)


def why_other(image, path):
    """Why a file that was opened cannot be read here; "" if it can."""
    kind, raw = image.format, str(image.tile[0][3]) if image.tile else ""
    if kind == "TIFF":
        tags = image.tag_v2
        bits, signs, planes, zero, packing = (
            np.max(tags.get(tag, 1)) for tag in (258, 339, 284, 262, 259)
        )
        plain = bits == 16 and "RGBa" not in raw or bits == 32 and image.mode == "F"
        swapped = bits == 32 and packing > 1 and tags.prefix == b"MM"
        if signs == 2 or bits > 8 and (not plain or planes == 2 or zero == 0 or swapped):
            return "a TIFF of signed or deep values of a kind that Pillow misreads"
    not_eight = image.mode != "P" and (";" in raw or raw == "1")
    if kind == "PNG" and "transparency" in image.info and not_eight:
        return "a PNG with one transparent colour that has not 8 bits"
    if kind == "PNG" and image.mode == "P" and image.palette is None:
        return "a PNG without its palette"
    with open(path, "rb") as file:
        content = file.read() if kind in ("TGA", "JPEG2000") else b""
    if kind == "TGA" and image.mode == "RGBA" and content[17] & 15 == 0:
        return "a TGA whose last bits are no alpha"
    size = content.partition(b"\\xff\\x4f\\xff\\x51")[2]  # of JPEG 2000: depths from byte 38 on
    depths = {{byte % 128 + 1 for byte in size[38 : 38 + 3 * size[37] : 3]}} if size else {{8}}
    return "" if depths == {{8}} or depths == {{16}} and size[37] == 1 else "a deep JPEG 2000"
'''


def preprocess_code(side: int, resize: str, mean: Sequence[float], std: Sequence[float]) -> str:
    """A Python module, with Pillow and numpy alone, that defines ``preprocess(path)``."""
    return CODE.format(
        side=side, mean=list(mean), std=list(std), formats=FORMATS, resize=RESIZE_CODE[resize]
    )
