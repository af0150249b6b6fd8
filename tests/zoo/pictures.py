"""Image files of many formats, written from pixels that are known."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image

COLOURS = np.array(
    [
        [[200, 10, 30], [20, 180, 40], [10, 20, 220]],
        [[240, 240, 10], [0, 0, 0], [255, 255, 255]],
    ],
    np.uint8,
)
"""Two rows of three pixels, all of different colours: no turn or flip leaves them alike."""

GREYS = np.array([[0, 1, 128], [200, 254, 255]], np.uint8)

IEEE_FLOAT = 3
"""Of a TIFF's tag SampleFormat."""


def write(path: Path, pixels: np.ndarray, mode: str | None = None, **how: object) -> Path:
    """By Pillow, in the format of the name."""
    Image.fromarray(pixels, mode).save(path, **how)
    return path


def png(pixels: np.ndarray, *, bits: int, kind: int, extra: bytes = b"") -> bytes:
    """A PNG by hand (W3C PNG, third edition), for what Pillow cannot write.

    pixels: rows of packed bytes, or (H, W, C) of big-endian 16-bit values.
    kind: 0 grey, 2 RGB, 4 grey and alpha, 6 RGBA. extra: chunks before the pixels.
    """
    height, width = pixels.shape[:2]
    if bits < 8:
        width *= 8 // bits
    rows = b"".join(b"\0" + row.tobytes() for row in pixels)
    header = struct.pack(">IIBBBBB", width, height, bits, kind, 0, 0, 0)
    body = chunk(b"IHDR", header) + extra + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND")
    return b"\x89PNG\r\n\x1a\n" + body


def chunk(kind: bytes, content: bytes = b"") -> bytes:
    """A PNG chunk with its checksum."""
    checksum = struct.pack(">I", zlib.crc32(kind + content))
    return struct.pack(">I", len(content)) + kind + content + checksum


def tiff_rgb16(pixels: np.ndarray, order: str, more: Mapping[int, int] | None = None) -> bytes:
    """An uncompressed 16-bit RGB TIFF (Aldus TIFF 6.0); order: "<" or ">"; more: further tags."""
    height, width, channels = pixels.shape
    data = pixels.astype(f"{order}u2").tobytes()
    bits = struct.pack(f"{order}{channels}H", *[16] * channels)
    tags = {258: (channels, 8 + len(data)), 262: (1, 2), 277: (1, channels)}  # bits stand behind
    tags |= {tag: (1, value) for tag, value in (more or {}).items()}
    return _tiff(data, width, height, tags, order, bits)


def tiff_grey(
    data: bytes,
    width: int,
    *,
    bits: int,
    sample_format: int = 1,
    photometric: int = 1,
    order: str = "<",
    packed: bool = False,
) -> bytes:
    """One row of grey in a TIFF; photometric 0: zero is white; packed: by zlib."""
    tags = {258: (1, bits), 262: (1, photometric), 277: (1, 1), 339: (1, sample_format)}
    tags |= {259: (1, 8 if packed else 1)}
    return _tiff(zlib.compress(data) if packed else data, width, 1, tags, order)


def _tiff(
    data: bytes,
    width: int,
    height: int,
    tags: dict[int, tuple[int, int]],
    order: str,
    behind: bytes = b"",
) -> bytes:
    """``tags``: how many 16-bit numbers, and the number, or where they stand."""
    data += b"\0" * (len(data) % 2)
    entries = {tag: (3, *value) for tag, value in tags.items()}
    entries = {259: (3, 1, 1), **entries}
    entries |= {256: (3, 1, width), 257: (3, 1, height), 278: (3, 1, height)}
    entries |= {273: (4, 1, 8), 279: (4, 1, len(data))}
    table = struct.pack(f"{order}H", len(entries))
    for tag, (kind, count, value) in sorted(entries.items()):
        inline = count == 1 and kind == 3
        packed = struct.pack(
            f"{order}HH" if inline else f"{order}I", *((value, 0) if inline else (value,))
        )
        table += struct.pack(f"{order}HHI", tag, kind, count) + packed
    mark = b"II*\0" if order == "<" else b"MM\0*"
    start = struct.pack(f"{order}I", 8 + len(data) + len(behind))
    return mark + start + data + behind + table + struct.pack(f"{order}I", 0)
