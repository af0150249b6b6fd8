"""What Pillow decodes to other pixels than a file holds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from PIL import Image

SAMPLE_FORMAT, SIGNED = 339, 2
BITS, PLANES, SEPARATE = 258, 284, 2
"""Tags of a TIFF (TIFF 6.0, sections 4, 8 and 19), and the values of theirs that change pixels."""

CODESTREAM = b"\xff\x4f\xff\x51"
"""The first two markers of JPEG 2000; the number of its channels and their depth stand behind."""

SIGNED_VALUES = (
    "32-bit or signed whole numbers, whose range is not known; save it with 8 or 16 bits"
)


def why_misread(image: Image.Image, raw_mode: str, tags: Mapping[int, Any]) -> str:
    """Why Pillow would decode an image to other pixels; "" if it does not.

    Args:
        image: opened, not yet decoded.
        raw_mode: the file's pixel format in Pillow's notation, such as "RGB;16B".
        tags: of a TIFF.
    """
    if SIGNED in _several(tags.get(SAMPLE_FORMAT)):
        return SIGNED_VALUES
    if tags.get(PLANES) == SEPARATE and max(_several(tags.get(BITS, 1))) > 8:
        return "16-bit channels in separate planes; save them in one, or with 8 bits"
    if raw_mode.startswith("RGBa;16"):
        return (
            "16-bit colours that are multiplied by their alpha; save them unmultiplied, or with "
            "8 bits"
        )
    if image.format == "PNG" and image.mode == "P" and image.palette is None:
        return "a PNG of palette colours without its palette"
    bits = _bits_of_jpeg_2000(image)
    if bits and bits != (16,) and set(bits) != {8}:  # shifted, and white wraps round to black
        depths = " and ".join(map(str, sorted(set(bits))))
        return f"JPEG 2000 with {depths} bits a channel; save it with 8, or as a PNG with 16"
    return ""


def has_no_alpha(image: Image.Image) -> bool:
    """Whether an opened TGA says that the fourth byte of its pixels is none (TGA 2.0, field 5.6).

    It is often zero then, and Pillow takes it for alpha.
    """
    if image.format != "TGA" or image.mode != "RGBA":
        return False
    header = _content(image, 18)
    return len(header) == 18 and header[17] & 15 == 0


def _bits_of_jpeg_2000(image: Image.Image) -> tuple[int, ...]:
    """Of each channel (ISO 15444-1, A.5.1); empty for other formats."""
    if image.format != "JPEG2000":
        return ()
    size = _content(image).partition(CODESTREAM)[2]
    count = int.from_bytes(size[36:38], "big")
    return tuple((byte & 127) + 1 for byte in size[38 : 38 + 3 * count : 3])  # bit 7 is the sign


def _content(image: Image.Image, count: int = -1) -> bytes:
    """The first bytes of an opened image's file; none once it is decoded."""
    file = getattr(image, "fp", None)
    if file is None:
        return b""
    place = file.tell()
    file.seek(0)
    content: bytes = file.read(count)
    file.seek(place)
    return content


def _several(value: Any) -> tuple[Any, ...]:
    """A tag's values, of which there may be one for each channel."""
    return value if isinstance(value, tuple) else (value,)
