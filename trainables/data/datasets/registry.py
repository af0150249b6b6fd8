"""Every data set by name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from trainables.data.dataset import Dataset
from trainables.data.datasets.cifar10 import load_cifar10
from trainables.data.datasets.digits import load_digits
from trainables.data.datasets.folder import load_folder
from trainables.data.sources import DatasetError

LOADERS: dict[str, Callable[[Path | None], Dataset]] = {
    "cifar10": load_cifar10,
    "digits": load_digits,
    "folder": load_folder,
}


def load_dataset(name: str, data_dir: Path | None = None) -> Dataset:
    """Reads a data set into memory.

    Raises:
        DatasetError: absent, damaged or unknown, with what to do.
    """
    if name not in LOADERS:
        raise DatasetError(f"dataset must be one of {', '.join(LOADERS)}, got {name!r}")
    return LOADERS[name](data_dir)
