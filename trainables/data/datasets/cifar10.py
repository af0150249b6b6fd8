"""CIFAR-10 (Krizhevsky 2009): the official files, downloaded by torchvision."""

from __future__ import annotations

import hashlib
import pickle
from pathlib import Path
from typing import Any

import numpy as np

from trainables.data.dataset import SIDE, Dataset, Measured, make_dataset
from trainables.data.sources import (
    CIFAR10_FOLDER,
    CIFAR10_HELD_OUT,
    DatasetError,
    check_dataset,
    cifar10_is_present,
    damaged,
    default_data_dir,
)

MD5 = {
    "batches.meta": "5ff9c542aee3614f3951f8cda6e48888",
    "data_batch_1": "c99cafc152244af753f735de768cd75f",
    "data_batch_2": "d4bba439e000b95fd0a9bffe97cbabec",
    "data_batch_3": "54ebc095f3ab1f0389bbae665268c751",
    "data_batch_4": "634d18415352ddfa80567beed471001a",
    "data_batch_5": "482c414d41f54cd18b22e5b47cb7c3cb",
    "test_batch": "40351d587109b95175f43aff81a1287e",
}
MEASURED = Measured(
    mean=(125.306918046875, 122.950394140625, 113.86538318359375),
    std=(62.993219278136934, 62.08870764001416, 66.70489964063094),
    checksum="ecd9c637faf7389b34068b666c5efaa3",
)
"""Of the files with these MD5 sums; measuring them would take every search 1.4 s."""


def load_cifar10(data_dir: Path | None = None) -> Dataset:
    """The official files under ``data_dir`` (or the default folder), downloaded when absent.

    Raises:
        DatasetError: naming damaged files, or what to do when the download fails.
    """
    root = data_dir or default_data_dir()
    check_dataset("cifar10", root)
    if not cifar10_is_present(root):
        _download(root)
    parts = _read(root / CIFAR10_FOLDER)
    train = [part for name, part in parts.items() if name.startswith("data_batch")]
    return make_dataset(
        "cifar10",
        parts["batches.meta"]["label_names"],
        _images(train),
        _images([parts["test_batch"]]),
        validation_images=CIFAR10_HELD_OUT,
        measured=MEASURED,
    )


def _download(root: Path) -> None:
    # Importing torchvision takes three seconds, which whoever has the files need not wait for.
    from torchvision.datasets import CIFAR10

    try:
        CIFAR10(root, download=True)
    except (OSError, RuntimeError) as problem:  # URLError is an OSError
        raise DatasetError(
            f"CIFAR-10 is not under {root} and could not be downloaded ({problem}). Name a folder "
            f"that holds {CIFAR10_FOLDER} with --data-dir, or try --dataset digits, which needs no "
            "download"
        ) from problem


def _read(folder: Path) -> dict[str, dict[str, Any]]:
    """The files' content by name.

    They are pickles: none is opened before the MD5 sums of all of them are the official ones.
    """
    contents = {name: (folder / name).read_bytes() for name in MD5}
    found = {
        name: hashlib.md5(content, usedforsecurity=False).hexdigest()
        for name, content in contents.items()
    }
    problems = [
        f"{folder / name} has MD5 {found[name]} instead of {expected}"
        for name, expected in MD5.items()
        if found[name] != expected
    ]
    if problems:
        raise DatasetError(damaged(problems))
    return {name: pickle.loads(content, encoding="latin1") for name, content in contents.items()}


def _images(parts: list[dict[str, Any]]) -> tuple[np.ndarray, np.ndarray]:
    """Images (N, 32, 32, 3) uint8 and labels (N,)."""
    planes = np.concatenate([part["data"] for part in parts]).reshape(-1, 3, SIDE, SIDE)
    labels = [label for part in parts for label in part["labels"]]
    return planes.transpose(0, 2, 3, 1), np.array(labels, np.int64)
