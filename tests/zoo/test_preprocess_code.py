"""The code on an export's card prepares an image as training did."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.zoo.pictures import png
from trainables.data.reading.image_file import open_rgb
from trainables.data.reading.preprocess_code import RESIZE_CODE, preprocess_code
from trainables.data.reading.resize import RESIZES

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


def test_every_resize_rule_has_its_code() -> None:
    assert RESIZE_CODE.keys() == RESIZES.keys()
