"""The code on an export's card prepares an image as training did."""

import io
import struct
from base64 import b64decode
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image, UnidentifiedImageError

from tests.zoo.pictures import IEEE_FLOAT, chunk, png, tiff_grey, tiff_rgb16
from tests.zoo.test_image_depths import JPEG_2000
from trainables.data.augment import Augmenter
from trainables.data.datasets.registry import load_dataset
from trainables.data.device_data import copy_to_device
from trainables.data.reading.image_file import UnreadableImage, open_rgb
from trainables.data.reading.pillow_misreads import CODESTREAM
from trainables.data.reading.preprocess_code import RESIZE_CODE, preprocess_code
from trainables.data.reading.resize import RESIZES
from trainables.data.sources import DataRequest

MEAN, STD = (120.5, 110.25, 90.0), (60.0, 61.5, 62.0)
NOISE = np.random.default_rng(0).integers(0, 256, (41, 60, 4), np.uint8)


def written(folder: Path, kind: str) -> Path:
    path = folder / {"jpeg": "image.jpg", "float": "image.tif"}.get(kind, "image.png")
    if kind == "deep":
        path.write_bytes(
            png((NOISE[..., :1].astype(np.uint16) * 251).astype(">u2"), bits=16, kind=0)
        )
    elif kind == "float":
        Image.fromarray((NOISE[..., 0] / 255).astype(np.float32)).save(path)
    elif kind == "jpeg":
        exif = Image.Exif()
        exif[0x0112] = 6
        Image.fromarray(NOISE[..., :3]).save(path, exif=exif)
    else:
        image = Image.fromarray(NOISE)
        image = {"alpha": image, "grey": image.convert("L"), "palette": image.convert("P")}[kind]
        image.save(path)
    return path


@pytest.mark.parametrize("kind", ["alpha", "grey", "palette", "jpeg", "deep", "float"])
@pytest.mark.parametrize("resize", RESIZES)
def test_the_code_gives_the_pixels_that_training_saw(
    tmp_path: Path, resize: str, kind: str
) -> None:
    path = written(tmp_path, kind)
    module: dict = {}
    exec(preprocess_code(24, resize, MEAN, STD), module)
    pixels = np.asarray(RESIZES[resize](open_rgb(path), 24), np.float64)
    expected = ((pixels - MEAN) / STD).transpose(2, 0, 1)[None]
    np.testing.assert_allclose(module["preprocess"](path), expected, atol=1e-6)


def test_sixteen_bit_colours_are_at_most_a_level_off(tmp_path: Path) -> None:
    path = tmp_path / "deep.png"
    colours = np.random.default_rng(1).integers(0, 65_536, (24, 24, 3))
    path.write_bytes(png(colours.astype(">u2"), bits=16, kind=2))
    module: dict = {}
    exec(preprocess_code(24, "crop", (0, 0, 0), (1, 1, 1)), module)
    read = np.asarray(open_rgb(path), np.float32).transpose(2, 0, 1)[None]
    assert np.abs(module["preprocess"](path) - read).max() <= 1
    assert "16-bit colours" in module["preprocess"].__doc__


@pytest.mark.parametrize("resize", RESIZES)
def test_the_code_of_a_data_set_gives_the_batch_that_training_takes(
    tmp_path: Path, resize: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for number in range(6):
        for label in ("dog", "größe"):
            path = tmp_path / "images" / label / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(np.roll(NOISE, number * len(label), axis=0)).save(path)
    request = DataRequest("folder", tmp_path / "images", image_size=24, resize=resize)
    data = load_dataset(request)
    module: dict = {}
    exec(preprocess_code(data.image_size, resize, data.mean, data.std), module)
    pixels = copy_to_device(data, torch.device("cpu")).train_pixels
    batch = Augmenter(pixels, data.mean, data.std).plain(torch.tensor([1, 4])).numpy()
    # every fifth image of a class, from 0 on, is for the test
    for row, name in enumerate(("dog/2.png", "größe/1.png")):
        made = module["preprocess"](tmp_path / "images" / name)[0]
        np.testing.assert_allclose(made, batch[row], atol=1e-5)


def test_a_damaged_chunk_is_refused_as_by_training(tmp_path: Path) -> None:
    """Pillow decodes a PNG without a look at the checksums that say so."""
    path = written(tmp_path, "grey")
    content = path.read_bytes()
    at = content.index(b"IDAT")
    length = int.from_bytes(content[at - 4 : at])
    damaged = bytearray(content)
    damaged[at + 4 + length] ^= 1  # the checksum
    path.write_bytes(damaged)
    module: dict = {}
    exec(preprocess_code(24, "crop", MEAN, STD), module)
    assert Image.open(path).convert("RGB").size == NOISE.shape[1::-1]
    with pytest.raises(UnreadableImage, match="checksum"):
        open_rgb(path)
    with pytest.raises(ValueError, match=r"image\.png: .*checksum"):
        module["preprocess"](path)


def tga(fourth_byte_is_alpha: bool) -> bytes:
    file = io.BytesIO()
    Image.fromarray(NOISE).save(file, "TGA")
    content = bytearray(file.getvalue())
    content[17] = content[17] & ~15 | 8 * fourth_byte_is_alpha
    return bytes(content)


def saved(pixels: np.ndarray, kind: str) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind)
    return file.getvalue()


def floats(*values: float, **how: Any) -> bytes:
    data = np.array(values, f"{how.get('order', '<')}f4").tobytes()
    return tiff_grey(data, len(values), bits=32, sample_format=IEEE_FLOAT, **how)


DEEP = np.arange(24).reshape(2, 4, 3) * 999
HIDDEN = chunk(b"tRNS", struct.pack(">H", 5))
OTHERWISE = {
    "signed": tiff_grey(b"\xff\x01", 2, bits=8, sample_format=2),
    "deep and signed": tiff_grey(b"\xff\xff\x01\x00", 2, bits=16, sample_format=2),
    "32-bit whole numbers": saved(np.array([[0, 100_000]], np.int32), "TIFF"),
    "below 0": floats(-0.01, 0.5),
    "above 1": floats(0.5, 200.0),
    "no number": floats(0.5, np.nan),
    "packed, big-endian": floats(0.0, 0.2, order=">", packed=True),
    "12 bits": tiff_grey(b"\x12\x34\x56", 2, bits=12),
    "16 bits, 0 is white": tiff_grey(b"\0\0\xff\xff", 2, bits=16, photometric=0),
    "float, 0 is white": floats(0.0, 1.0, photometric=0),
    "separate planes": tiff_rgb16(DEEP, "<", {284: 2}),
    "times their alpha": tiff_rgb16(np.dstack([DEEP, DEEP[..., 0]]), "<", {277: 4, 338: 1}),
    "4 bits, one hidden": png(np.array([[0x51, 0xF0]], np.uint8), bits=4, kind=0, extra=HIDDEN),
    "16 bits, one hidden": png(np.full((1, 3, 1), 5, ">u2"), bits=16, kind=0, extra=HIDDEN),
    "TGA without alpha": tga(False),
    "ICO": saved(NOISE[:16, :16], "ICO"),
    **{f"JPEG 2000 of {bits}": CODESTREAM + b64decode(code) for bits, code in JPEG_2000.items()},
}
"""What Pillow alone reads to other pixels than training did, or what training refuses."""


@pytest.mark.parametrize("kind", OTHERWISE)
def test_the_code_refuses_what_it_would_read_otherwise(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "image"
    path.write_bytes(OTHERWISE[kind])
    module: dict = {}
    exec(preprocess_code(8, "stretch", MEAN, STD), module)
    with pytest.raises((ValueError, UnidentifiedImageError)):
        module["preprocess"](path)


@pytest.mark.parametrize(
    "content",
    [
        tga(True),
        floats(0.0, 0.2, 1.0),
        floats(0.0, 0.2, order=">"),
        floats(0.0, 0.2, packed=True),
        tiff_grey(b"\0\0\x34\x12", 2, bits=16),
        tiff_grey(b"\0\xff", 2, bits=8, photometric=0),
        tiff_rgb16(DEEP // 257 * 257, ">"),
    ],
)
def test_the_code_reads_their_plain_brothers_as_training_did(
    tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "image"
    path.write_bytes(content)
    module: dict = {}
    exec(preprocess_code(8, "stretch", (0, 0, 0), (1, 1, 1)), module)
    read = np.asarray(RESIZES["stretch"](open_rgb(path), 8), np.float32)
    assert (module["preprocess"](path)[0] == read.transpose(2, 0, 1)).all()


def test_every_resize_rule_has_its_code() -> None:
    assert RESIZE_CODE.keys() == RESIZES.keys()
