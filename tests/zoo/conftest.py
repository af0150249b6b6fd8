"""A folder of images, and a cache of its own for each test."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """Two classes with ten training images and three test images each, all different."""
    random = np.random.default_rng(0)
    for part, count in (("train", 10), ("test", 3)):
        for label in ("cat", "dog"):
            folder = tmp_path / "images" / part / label
            folder.mkdir(parents=True)
            for number in range(count):
                pixels = random.integers(0, 256, (12, 16, 3), np.uint8)
                Image.fromarray(pixels).save(folder / f"{number:02}.png")
    return tmp_path / "images"
