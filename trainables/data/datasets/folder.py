"""Any images laid out as train/<class>/* and test/<class>/*."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from trainables.data.dataset import SIDE, Dataset, make_dataset
from trainables.data.sources import DatasetError, list_folder


def load_folder(data_dir: Path | None = None) -> Dataset:
    """Every image as RGB, resized to 32×32 (bilinear); classes in the order of their names.

    Raises:
        DatasetError: naming every file that is no image, or what is wrong with the layout.
    """
    parts = list_folder(data_dir)
    problems: list[str] = []
    train = _read(parts["train"], problems)
    test = _read(parts["test"], problems)
    if problems:
        raise DatasetError(
            f"{len(problems)} files cannot be read as images: " + "; ".join(problems)
        )
    return make_dataset("folder", tuple(parts["train"]), train, test)


def _read(classes: dict[str, list[Path]], problems: list[str]) -> tuple[np.ndarray, np.ndarray]:
    images, labels = [], []
    for label, files in enumerate(classes.values()):
        for file in files:
            try:
                images.append(_read_image(file))
            except (OSError, ValueError) as problem:
                problems.append(f"{file} ({problem})")
            labels.append(label)
    stacked = np.stack(images) if images else np.empty((0, SIDE, SIDE, 3), np.uint8)
    return stacked, np.array(labels, np.int64)


def _read_image(file: Path) -> np.ndarray:
    with Image.open(file) as image:
        return np.asarray(image.convert("RGB").resize((SIDE, SIDE), Image.Resampling.BILINEAR))
