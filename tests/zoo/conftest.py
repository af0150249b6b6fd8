"""A folder of images, and a cache of its own for each test."""

from pathlib import Path

import pytest

from tests.image_folder import write_images


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """Two classes with ten training images and three test images each, all different."""
    return write_images(tmp_path / "images", {"train": 10, "test": 3})
