"""Code that prepares an image as in training, for users of an exported network."""

from __future__ import annotations

from collections.abc import Sequence

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


def preprocess(path):
    """One image file as the network takes it: (1, 3, SIDE, SIDE) float32.

    Of 16-bit colours Pillow keeps the high byte, at most one level of 255 off what training read.
    To be converted first: TIFFs of 12 bits, compressed ones of big-endian floats, deep ones whose
    zero is white; TGAs of 32 bits without alpha; PNGs of grey or deep colours with one transparent
    colour, and not of 8 bits.
    """
    image = Image.open(path)
    image.load()
    image = ImageOps.exif_transpose(image)
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):  # 16 bits, or floats in [0, 1]
        values = np.asarray(image)
        eight = np.rint(values * 255) if image.mode == "F" else (values.astype(int) + 128) // 257
        image = Image.fromarray(eight.astype(np.uint8))
    if image.has_transparency_data:  # over white
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, (255, 255, 255, 255)), image)
    image = image.convert("RGB")
{resize}    pixels = (np.asarray(image) - MEAN) / STD
    return pixels.transpose(2, 0, 1)[None].astype(np.float32)
'''


def preprocess_code(side: int, resize: str, mean: Sequence[float], std: Sequence[float]) -> str:
    """A Python module, with Pillow and numpy alone, that defines ``preprocess(path)``."""
    return CODE.format(side=side, mean=list(mean), std=list(std), resize=RESIZE_CODE[resize])
