"""A folder of images, as a person may have one."""

from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
from PIL import Image


def write_images(
    root: Path, parts: Mapping[str, int], labels: Iterable[str] = ("cat", "dog")
) -> Path:
    """``root/part/label/00.png`` and so on: so many images a label in each part, all different."""
    random = np.random.default_rng(0)
    for part, count in parts.items():
        for label in labels:
            folder = root / part / label
            folder.mkdir(parents=True)
            for number in range(count):
                pixels = random.integers(0, 256, (12, 16, 3), np.uint8)
                Image.fromarray(pixels).save(folder / f"{number:02}.png")
    return root
