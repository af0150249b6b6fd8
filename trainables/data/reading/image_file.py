"""Decodes an image file of any format to 8-bit red, green and blue, upright.

- 16-bit values are divided by 257 and rounded, 12-bit ones by 4,095 / 255.
- Where zero is white in a TIFF, its values are inverted, at any depth.
- Float values must lie in [0, 1]; they are multiplied by 255 and rounded.
- Grey is repeated in three channels, 1-bit is black and white, palettes are looked up.
- CMYK, YCbCr and HSV become RGB by Pillow's formulas. Colour profiles (ICC) are not applied, as
  torchvision does not apply them.
- Transparent pixels show ``BACKGROUND``; so do those of a PNG's one transparent colour.
- EXIF orientation is applied.
- Of an animation or a file of several pages, the first picture counts.
"""

from __future__ import annotations

import re
import sys
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from trainables.data.reading.pillow_misreads import SIGNED_VALUES, has_no_alpha, why_misread

Pixels = NDArray[np.uint8]

BACKGROUND = (255, 255, 255)
"""White, for which transparent pictures are usually drawn."""

LARGEST_PIXELS = 178_956_970
"""Pillow's own bound against decompression bombs: above it, a picture takes more than 500 MB."""

FORMATS = ("AVIF", "BMP", "GIF", "JPEG", "JPEG2000", "PNG", "PPM", "TGA", "TIFF", "WEBP")
"""Others are refused, whatever a file's name: for PostScript Pillow would start Ghostscript."""


class UnreadableImage(ValueError):  # noqa: N818 (of a file, not of the program)
    """The file cannot be used as an image; the message leaves out its name."""


def read_image(path: Path) -> Pixels:
    """The file's picture: (height, width, 3) uint8.

    Raises:
        UnreadableImage: with the reason.
    """
    return np.asarray(open_rgb(path))


def open_rgb(path: Path) -> Image.Image:
    """The file's picture as a Pillow image of mode RGB, decoded.

    Raises:
        UnreadableImage: with the reason.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of large pictures, odd EXIF; an error is what counts
            _verify(path)
            with _opened(path) as image:
                return to_rgb(image)
    except UnreadableImage:
        raise
    except Exception as problem:
        # A decoder that is given arbitrary bytes raises anything: SyntaxError, struct.error, …
        raise UnreadableImage(_reason(path, problem)) from problem


def is_animated(path: Path) -> bool:
    """Whether a readable file holds several pictures."""
    with _opened(path) as image:
        return getattr(image, "n_frames", 1) > 1


def _opened(path: Path) -> Image.Image:
    return Image.open(path, formats=FORMATS)


def to_rgb(image: Image.Image) -> Image.Image:
    """Any decoded or opened Pillow image as RGB, upright."""
    raw_mode, tags = _raw_mode(image), _tiff_tags(image)  # decoding drops it
    if reason := why_misread(image, raw_mode, tags):
        raise UnreadableImage(reason)
    opaque = has_no_alpha(image)
    opened: Any = image
    if raw_mode == "F;32BF" and opened.tile[0].codec_name == "libtiff":
        # libtiff has already swapped the bytes, and Pillow would swap them back
        opened.tile = [tile._replace(args=("F;32NF", *tile.args[1:])) for tile in opened.tile]
    image.load()  # and with it Pillow turns a TIFF itself, and finds EXIF at a PNG's end
    orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
    deep = image.mode == "F" or image.mode.startswith("I;16")
    image = _eight_bits(image, raw_mode)
    image = image.convert("RGB") if opaque else _flatten(image)
    if deep and tags.get(PHOTOMETRIC) == WHITE_IS_ZERO:  # Pillow turns 8 bits and fewer alone
        image = ImageOps.invert(image)
    return image.transpose(TURNS[orientation]) if orientation in TURNS else image


PHOTOMETRIC, WHITE_IS_ZERO = 262, 0
"""A tag of a TIFF (TIFF 6.0, section 8)."""

TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""EXIF's orientations (CIPA DC-008) and what turns each upright."""


def _eight_bits(image: Image.Image, raw_mode: str) -> Image.Image:
    """16-bit and float images in 8 bits; others as they are."""
    transparent = image.info.get("transparency") if image.format == "PNG" else None
    if image.mode == "F":
        return _from_unit_interval(np.asarray(image))
    if image.mode == "I" and image.format != "PPM":
        raise UnreadableImage(SIGNED_VALUES)
    if raw_mode.startswith("I;12"):
        return Image.fromarray(_twelve_to_eight(np.asarray(image)))
    if image.mode == "I" or image.mode.startswith("I;16"):
        values = np.asarray(image)
        return _hide(Image.fromarray(_sixteen_to_eight(values)), values, transparent)
    if DEEP.search(raw_mode):
        values, mode = _sixteen_bit_channels(image, raw_mode)
        return _hide(Image.fromarray(_sixteen_to_eight(values), mode), values, transparent)
    if raw_mode in FEW_BITS and transparent is not None:
        image.info["transparency"] = transparent * FEW_BITS[raw_mode]
    return image


DEEP = re.compile(";16[BLN]")
"""16 bits a channel, of a byte order; without one, as in BMP, these are the bits of a pixel."""

FEW_BITS = {"1": 255, "L;2": 85, "L;4": 17}
"""Grey of fewer than 8 bits, and by what Pillow multiplies its pixels, but not what is hidden."""


def _hide(image: Image.Image, values: NDArray, transparent: Any) -> Image.Image:
    """Gives alpha to the picture where its 16-bit values are those of the transparent colour."""
    if transparent is not None:
        same = (values == np.array(transparent)).reshape(*values.shape[:2], -1).all(axis=2)
        image.putalpha(Image.fromarray(np.where(same, 0, 255).astype(np.uint8)))
    return image


def _sixteen_to_eight(values: NDArray) -> Pixels:
    """0 to 65,535 → 0 to 255, to the nearest."""
    return ((values.astype(np.uint32) + 128) // 257).astype(np.uint8)


def _twelve_to_eight(values: NDArray) -> Pixels:
    """0 to 4,095 → 0 to 255, to the nearest."""
    return ((values.astype(np.uint32) * 510 + 4095) // 8190).astype(np.uint8)


def _from_unit_interval(values: NDArray[np.float32]) -> Image.Image:
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    if not (np.isfinite(values).all() and low >= 0 and high <= 1):
        raise UnreadableImage(
            f"float values from {low:g} to {high:g}; they must be finite and lie in [0, 1]"
        )
    return Image.fromarray(np.rint(values * 255).astype(np.uint8))


def _raw_mode(image: Image.Image) -> str:
    """The file's pixel format in Pillow's notation, such as "RGB;16B"; "" where unknown."""
    tiles = getattr(image, "tile", None)
    args = tiles[0].args if tiles else ""
    return str(args[0] if isinstance(args, tuple) and args else args or "")


def _tiff_tags(image: Image.Image) -> Mapping[int, Any]:
    """The tags of a TIFF; empty for other formats, where the same numbers have no meaning."""
    return getattr(image, "tag_v2", {}) if image.format == "TIFF" else {}


def _sixteen_bit_channels(image: Image.Image, raw_mode: str) -> tuple[NDArray[np.uint32], str]:
    """The 16-bit values and their mode. Pillow keeps the high byte alone of each channel.

    The file is decoded twice, the second time as if it had the other byte order.
    """
    source: Any = image
    path, mode = source.filename, source.mode
    high = np.asarray(image)
    with _opened(path) as opened:
        again: Any = opened
        if raw_mode == "LA;16B":  # four bytes a pixel: grey and alpha, the high byte first
            again.tile = [again.tile[0]._replace(args="RGBA")]
            four = np.asarray(again)
            high, low = four[..., [0, 0, 0, 2]], four[..., [1, 1, 1, 3]]
        else:
            again.tile = [tile._replace(args=_other_byte(tile.args)) for tile in again.tile]
            low = np.asarray(again)
    return high.astype(np.uint32) << 8 | low, mode


def _other_byte(args: Any) -> Any:
    if isinstance(args, tuple):
        return (_other_byte(args[0]), *args[1:])
    native, foreign = ("L", "B") if sys.byteorder == "little" else ("B", "L")
    order = {"B": "L", "L": "B", "N": foreign}
    text = str(args)
    return text[:-1] + order.get(text[-1], native)


def _flatten(image: Image.Image) -> Image.Image:
    """The picture as RGB; transparent pixels show the background."""
    if image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info:
        straight = {"La": "LA", "RGBa": "RGBA"}.get(image.mode)
        picture = (image.convert(straight) if straight else image).convert("RGBA")
        canvas = Image.new("RGBA", picture.size, (*BACKGROUND, 255))
        return Image.alpha_composite(canvas, picture).convert("RGB")
    return image.convert("RGB")


def _verify(path: Path) -> None:
    """Reads the checksums of a PNG's chunks, which decoding passes over; checks the size."""
    if path.exists() and not path.is_file():
        raise UnreadableImage("a pipe, a socket or a device")
    if path.stat().st_size == 0:
        raise UnreadableImage("the file is empty")
    with _opened(path) as image:
        width, height = image.size
        if width * height > LARGEST_PIXELS:
            raise UnreadableImage(_too_large(f"{width:,} × {height:,} pixels"))
        if image.format == "PNG":
            image.verify()


def _too_large(size: str) -> str:
    return f"{size}; at most {LARGEST_PIXELS:,} in all are read, make it smaller"


def _reason(path: Path, problem: Exception) -> str:
    if isinstance(problem, UnidentifiedImageError):
        with path.open("rb") as file:
            begin = file.read(32)
        padded = begin.ljust(32, b"\0")  # the plugins take so much for granted
        plugins = Image.OPEN.items()
        if formats := [name for name, (_, accept) in plugins if accept and accept(padded)]:
            return f"begins as {' or '.join(formats)}, but is damaged or of a kind that is not read"
        return f"no image format begins with {begin[:8]!r}"
    if isinstance(problem, Image.DecompressionBombError):
        return _too_large(f"more than {2 * LARGEST_PIXELS:,} pixels")
    if isinstance(problem, FileNotFoundError):
        return "a link to a file that does not exist" if path.is_symlink() else "no such file"
    if isinstance(problem, OSError) and problem.strerror:
        return problem.strerror
    return str(problem) or type(problem).__name__
