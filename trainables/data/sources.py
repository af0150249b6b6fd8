"""Where the images come from, and whether they are there. No library is needed: the plan asks."""

from __future__ import annotations

import os
from pathlib import Path

from trainables.compiled.user_cache import user_cache
from trainables.config.train_config import TrainConfig

DATA_VARIABLE = "RANKTUNE_DATA"
DIGITS_CLASSES = 10
DIGITS_TRAINING_IMAGES = 1_433

CIFAR10_FOLDER = "cifar-10-batches-py"
CIFAR10_ARCHIVE = "cifar-10-python.tar.gz"
CIFAR10_CLASSES = 10
CIFAR10_TRAINING_IMAGES = 50_000
CIFAR10_HELD_OUT = 5_000
CIFAR10_BYTES = {
    "batches.meta": 158,
    "data_batch_1": 31_035_704,
    "data_batch_2": 31_035_320,
    "data_batch_3": 31_035_999,
    "data_batch_4": 31_035_696,
    "data_batch_5": 31_035_623,
    "test_batch": 31_035_526,
}
"""The official files (Krizhevsky 2009) and their sizes; their MD5 sums are compared when loaded."""

IMAGE_SUFFIXES = (".bmp", ".gif", ".jpeg", ".jpg", ".png", ".ppm", ".tif", ".tiff", ".webp")


class DatasetError(ValueError):
    """Images that are absent, damaged or not laid out as expected, and what to do about it."""


def default_data_dir() -> Path:
    """$RANKTUNE_DATA, else the user's cache folder; data sets are downloaded there."""
    if named := os.environ.get(DATA_VARIABLE):
        return Path(named).expanduser()
    return user_cache() / "data"


def check_dataset(name: str, data_dir: Path | None = None) -> int:
    """The number of classes, after a quick look at the files (no image is opened).

    An absent CIFAR-10 passes: it is downloaded when loaded.

    Raises:
        DatasetError: naming every file or folder that is wrong.
    """
    if name == "digits":
        return DIGITS_CLASSES
    if name == "cifar10":
        _check_cifar10(data_dir or default_data_dir())
        return CIFAR10_CLASSES
    if name == "folder":
        return len(list_folder(data_dir)["train"])
    raise DatasetError(f"dataset must be one of cifar10, digits, folder, got {name!r}")


def count_training_images(name: str, data_dir: Path | None = None) -> tuple[int, int]:
    """Training images, and how many of them are held out for validation unless told otherwise.

    Raises:
        DatasetError: as ``check_dataset``.
    """
    check_dataset(name, data_dir)
    if name == "cifar10":
        return CIFAR10_TRAINING_IMAGES, CIFAR10_HELD_OUT
    if name == "digits":
        images = DIGITS_TRAINING_IMAGES
    else:
        images = sum(len(files) for files in list_folder(data_dir)["train"].values())
    return images, round(images / 10)


def count_images(config: TrainConfig, available: int, default_held_out: int) -> tuple[int, int]:
    """Images that a trial holds out of those ``available`` for training, and those it trains on."""
    held_out = config.validation_images
    if held_out is None:
        # The original study was selected on the test set; its protocols keep that.
        held_out = default_held_out if config.protocol == "corrected" else 0
    return held_out, available - held_out if config.train_images is None else config.train_images


def cifar10_is_present(data_dir: Path) -> bool:
    """Whether any of CIFAR-10's files lie under ``data_dir``."""
    folder = data_dir / CIFAR10_FOLDER
    return any((folder / name).is_file() for name in CIFAR10_BYTES)


def list_folder(data_dir: Path | None) -> dict[str, dict[str, list[Path]]]:
    """The images under ``train/<class>/`` and ``test/<class>/``: part → class → files, sorted.

    Raises:
        DatasetError: with everything that keeps the folder from being a data set.
    """
    if data_dir is None:
        raise DatasetError(
            "dataset folder needs --data-dir: a folder with train/<class>/* and test/<class>/*"
        )
    parts = {part: _list_classes(data_dir / part) for part in ("train", "test")}
    problems = [
        f"{data_dir / part}: no class folders" for part, classes in parts.items() if not classes
    ]
    problems += [
        f"{data_dir / part / label}: no images ({', '.join(IMAGE_SUFFIXES)})"
        for part, classes in parts.items()
        for label, files in classes.items()
        if not files
    ]
    if not problems:
        problems = _class_problems(parts)
    if problems:
        raise DatasetError(
            "dataset folder is laid out as train/<class>/* and test/<class>/*, but "
            + "; ".join(problems)
        )
    return parts


def _check_cifar10(data_dir: Path) -> None:
    if not cifar10_is_present(data_dir):
        return
    folder = data_dir / CIFAR10_FOLDER
    problems = []
    for name, size in CIFAR10_BYTES.items():
        path = folder / name
        if not path.is_file():
            problems.append(f"{path} is missing")
        elif path.stat().st_size != size:
            problems.append(f"{path} has {path.stat().st_size:,} bytes instead of {size:,}")
    if problems:
        raise DatasetError(damaged(problems))


def damaged(problems: list[str]) -> str:
    """What to tell about CIFAR-10 files that are not the official ones."""
    return (
        f"damaged CIFAR-10 files: {'; '.join(problems)}. Remove the folder {CIFAR10_FOLDER} to "
        "have it downloaded again, or name a good copy with --data-dir"
    )


def _list_classes(folder: Path) -> dict[str, list[Path]]:
    if not folder.is_dir():
        return {}
    classes = sorted(
        path for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")
    )
    return {
        path.name: sorted(file for file in path.rglob("*") if file.suffix.lower() in IMAGE_SUFFIXES)
        for path in classes
    }


def _class_problems(parts: dict[str, dict[str, list[Path]]]) -> list[str]:
    train, test = set(parts["train"]), set(parts["test"])
    problems = []
    if len(train) < 2:
        problems.append(f"train has {len(train)} class, at least 2 are needed")
    if only := sorted(train ^ test):
        problems.append(f"these classes are in one of train and test only: {', '.join(only)}")
    return problems
