"""CIFAR-10 (Krizhevsky 2009), through torchvision."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
from torchvision.datasets import CIFAR10

from trainables.data import Dataset, make_dataset
from trainables.sources import (
    CIFAR10_FOLDER,
    DatasetError,
    check_dataset,
    cifar10_is_present,
    damaged,
    default_data_dir,
)

VALIDATION_IMAGES = 5_000


def load_cifar10(data_dir: Path | None = None) -> Dataset:
    """The official files under ``data_dir`` (or the default folder), downloaded when absent.

    Raises:
        DatasetError: naming damaged files, or what to do when the download fails.
    """
    root = data_dir or default_data_dir()
    check_dataset("cifar10", root)
    if not cifar10_is_present(root):
        _download(root)
    _check_sums(root / CIFAR10_FOLDER)
    train, test = (CIFAR10(root, train=part) for part in (True, False))
    return make_dataset(
        "cifar10",
        train.classes,
        (train.data, np.array(train.targets, np.int64)),
        (test.data, np.array(test.targets, np.int64)),
        validation_images=VALIDATION_IMAGES,
    )


def _download(root: Path) -> None:
    try:
        CIFAR10(root, download=True)
    except (OSError, RuntimeError) as problem:  # URLError is an OSError
        raise DatasetError(
            f"CIFAR-10 is not under {root} and could not be downloaded ({problem}). Name a folder "
            f"that holds {CIFAR10_FOLDER} with --data-dir, or try --dataset digits, which needs no "
            "download"
        ) from problem


def _check_sums(folder: Path) -> None:
    """The files are pickles: nothing is read from them before their MD5 sums are the official
    ones."""
    problems = []
    for name, expected in [*CIFAR10.train_list, *CIFAR10.test_list]:
        found = hashlib.md5((folder / name).read_bytes(), usedforsecurity=False).hexdigest()
        if found != expected:
            problems.append(f"{folder / name} has MD5 {found} instead of {expected}")
    if problems:
        raise DatasetError(damaged(problems))
