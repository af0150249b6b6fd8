"""CIFAR-10 (Krizhevsky 2009): the official files, downloaded by torchvision."""

from __future__ import annotations

import hashlib
import pickle
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trainables.data.datasets.data_source import DataSource
from trainables.data.sources import (
    DataCounts,
    DataRequest,
    DatasetError,
    default_data_dir,
    existing_dir,
)

# numpy, torchvision and what needs them are imported by `load`: a plan takes a tenth of the time
if TYPE_CHECKING:
    import numpy as np

    from trainables.data.dataset import Dataset

FOLDER = "cifar-10-batches-py"
COUNTS = DataCounts(classes=10, train_images=50_000, test_images=10_000, held_out=5_000)
SIDE = 32  # pixels
BYTES = {
    "batches.meta": 158,
    "data_batch_1": 31_035_704,
    "data_batch_2": 31_035_320,
    "data_batch_3": 31_035_999,
    "data_batch_4": 31_035_696,
    "data_batch_5": 31_035_623,
    "test_batch": 31_035_526,
}
"""The official files and their sizes; their MD5 sums are compared when loaded."""
ARCHIVE_BYTES = 170_498_071  # cifar-10-python.tar.gz
MD5 = {
    "batches.meta": "5ff9c542aee3614f3951f8cda6e48888",
    "data_batch_1": "c99cafc152244af753f735de768cd75f",
    "data_batch_2": "d4bba439e000b95fd0a9bffe97cbabec",
    "data_batch_3": "54ebc095f3ab1f0389bbae665268c751",
    "data_batch_4": "634d18415352ddfa80567beed471001a",
    "data_batch_5": "482c414d41f54cd18b22e5b47cb7c3cb",
    "test_batch": "40351d587109b95175f43aff81a1287e",
}
MEAN = (125.306918046875, 122.950394140625, 113.86538318359375)
STD = (62.993219278136934, 62.08870764001416, 66.70489964063094)
CHECKSUM = "ecd9c637faf7389b34068b666c5efaa3"
"""The checksum of the files with these MD5 sums; computing it would take every search 1.4 s."""


def count_cifar10(request: DataRequest) -> DataCounts:
    """The official counts, also for an absent CIFAR-10 that may be downloaded.

    Raises:
        DatasetError: naming missing files and files of another size.
    """
    folder = find_files(request)
    if folder is None:
        return COUNTS
    problems = []
    for name, size in BYTES.items():
        path = folder / name
        if not path.is_file():
            problems.append(f"{path} is missing")
        elif path.stat().st_size != size:
            problems.append(f"{path} has {path.stat().st_size:,} bytes instead of {size:,}")
    if problems:
        raise DatasetError(_damaged(problems))
    return COUNTS


def find_files(request: DataRequest) -> Path | None:
    """The folder that holds the files; None where they are still to be downloaded.

    ``data_dir`` is that folder itself, or the one around it.

    Raises:
        DatasetError: ``data_dir`` holds none of the files.
    """
    if request.data_dir is None:
        folder = _download_dir(request) / FOLDER
        return folder if _holds_files(folder) else None
    root = existing_dir(request.data_dir)
    for folder in (root / FOLDER, root):
        if _holds_files(folder):
            return folder
    raise DatasetError(
        f"--data-dir {root} holds no {FOLDER}, and nothing is downloaded into it: name the folder "
        f"that holds it; or leave --data-dir out, and CIFAR-10 is downloaded to "
        f"{default_data_dir()} (--download DIR names another place); or try --dataset digits, "
        "which needs no download"
    )


def load_cifar10(request: DataRequest) -> Dataset:
    """The official files, downloaded when absent and ``data_dir`` names no copy.

    Raises:
        DatasetError: naming damaged files, or what to do when the download fails.
    """
    from trainables.data.dataset import PixelStatistics, make_dataset

    count_cifar10(request)
    folder = find_files(request) or _download(_download_dir(request))
    parts = _read(folder)
    batches = [part for name, part in parts.items() if name.startswith("data_batch")]
    side = request.image_size
    return make_dataset(
        "cifar10",
        parts["batches.meta"]["label_names"],
        _images(batches, side),
        _images([parts["test_batch"]], side),
        validation_images=COUNTS.held_out,
        statistics=PixelStatistics(MEAN, STD, CHECKSUM) if side == SIDE else None,
    )


def _download_dir(request: DataRequest) -> Path:
    return request.download.expanduser() if request.download else default_data_dir()


def _holds_files(folder: Path) -> bool:
    """Whether the folder has any of the files."""
    return any((folder / name).is_file() for name in BYTES)


def _damaged(problems: list[str]) -> str:
    return (
        f"damaged CIFAR-10 files: {'; '.join(problems)}. Remove the folder {FOLDER} to "
        "have it downloaded again, or name a good copy with --data-dir"
    )


def _download(root: Path) -> Path:
    # Importing torchvision takes three seconds, which whoever has the files need not wait for.
    from torchvision import datasets

    try:
        datasets.CIFAR10(root, download=True)
    except (OSError, RuntimeError) as problem:  # URLError is an OSError
        raise DatasetError(
            f"CIFAR-10 is not under {root} and could not be downloaded ({problem}). Name a folder "
            f"that holds {FOLDER} with --data-dir, or try --dataset digits, which needs no "
            "download"
        ) from problem
    return root / FOLDER


def _read(folder: Path) -> dict[str, dict[str, Any]]:
    """The files' content by name.

    They are pickles: none is opened before the MD5 sums of all of them are the official ones.
    """
    contents = {name: (folder / name).read_bytes() for name in MD5}
    digests = {
        name: hashlib.md5(content, usedforsecurity=False).hexdigest()
        for name, content in contents.items()
    }
    problems = [
        f"{folder / name} has MD5 {digests[name]} instead of {expected}"
        for name, expected in MD5.items()
        if digests[name] != expected
    ]
    if problems:
        raise DatasetError(_damaged(problems))
    return {name: pickle.loads(content, encoding="latin1") for name, content in contents.items()}


def _images(parts: list[dict[str, Any]], side: int) -> tuple[np.ndarray, np.ndarray]:
    """Packed images (N, side, side, 4) uint8 and labels (N,).

    File by file: the 150 MB of all images side by side, before they are packed, took .3 s.
    """
    import numpy as np

    from trainables.data.dataset import pack
    from trainables.data.reading.resize import resize_all

    planes = (part["data"].reshape(-1, 3, SIDE, SIDE).transpose(0, 2, 3, 1) for part in parts)
    labels = [label for part in parts for label in part["labels"]]
    return pack([resize_all(images, side) for images in planes]), np.array(labels, np.int64)


CIFAR10 = DataSource(
    name="cifar10",
    help="60,000 photographs of 10 kinds of things, downloaded when absent",
    count=count_cifar10,
    load=load_cifar10,
    is_present=lambda request: find_files(request) is not None,
    download_bytes=ARCHIVE_BYTES + sum(BYTES.values()),
    reads=frozenset({"data_dir", "download"}),
    is_square=True,
)
