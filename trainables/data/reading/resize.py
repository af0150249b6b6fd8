"""How an image of any shape becomes a square."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image

BILINEAR = Image.Resampling.BILINEAR
"""Pillow's filter, which averages over all source pixels of a target pixel."""


def crop(image: Image.Image, side: int) -> Image.Image:
    """The largest centred square, resized; what lies beyond it on the longer side is lost.

    Where an odd number of pixels is lost, the right or lower end loses the odd one.
    """
    width, height = image.size
    edge = min(width, height)
    left, top = (width - edge) // 2, (height - edge) // 2
    return image.resize((side, side), BILINEAR, box=(left, top, left + edge, top + edge))


def pad(image: Image.Image, side: int) -> Image.Image:
    """The whole image, resized so that its longer side fits; black bars fill the square."""
    width, height = image.size
    scale = side / max(width, height)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    square = Image.new("RGB", (side, side))
    square.paste(image.resize(size, BILINEAR), ((side - size[0]) // 2, (side - size[1]) // 2))
    return square


def stretch(image: Image.Image, side: int) -> Image.Image:
    """The whole image, resized to the square; its shape is not kept."""
    return image.resize((side, side), BILINEAR)


RESIZES: dict[str, Callable[[Image.Image, int], Image.Image]] = {
    "crop": crop,
    "pad": pad,
    "stretch": stretch,
}


def resize_all(images: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """Square images (N, S, S, 3) at another size; unchanged at their own size."""
    if images.shape[1] == side:
        return images
    resized = (stretch(Image.fromarray(np.ascontiguousarray(image)), side) for image in images)
    return np.stack([np.asarray(image) for image in resized])
