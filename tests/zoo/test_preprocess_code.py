"""The code on an export's card prepares an image as training did."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from tests.zoo.pictures import png
from trainables.data.augment import Augmenter
from trainables.data.datasets.registry import load_dataset
from trainables.data.device_data import copy_to_device
from trainables.data.reading.image_file import open_rgb
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


def test_every_resize_rule_has_its_code() -> None:
    assert RESIZE_CODE.keys() == RESIZES.keys()
