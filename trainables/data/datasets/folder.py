"""A folder of one's own images, a class a folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from trainables.data.datasets.data_source import DataSource
from trainables.data.reading.image_check import CheckedFolder, check_images
from trainables.data.reading.image_folder import LAYOUT, ImageFolder, list_images
from trainables.data.sources import (
    DataCounts,
    DataRequest,
    DatasetError,
    existing_dir,
)

# numpy, Pillow and what needs them are imported by `load`: a plan takes a tenth of the time
if TYPE_CHECKING:
    import numpy as np

    from trainables.data.dataset import Dataset


def find_images(request: DataRequest) -> ImageFolder:
    """The files under ``data_dir``; none is opened.

    Raises:
        DatasetError: with everything that keeps the folder from being a data set.
    """
    if request.data_dir is None:
        raise DatasetError(f"dataset folder needs --data-dir: {LAYOUT}")
    try:
        folder = existing_dir(request.data_dir)
    except DatasetError as problem:
        raise DatasetError(f"{problem}: {LAYOUT}") from problem
    return list_images(folder)


def check_folder(request: DataRequest) -> CheckedFolder:
    """The files under ``data_dir``, each looked into once.

    Raises:
        DatasetError: naming every file that cannot be read, unless they are to be skipped.
    """
    return check_images(find_images(request), skip_unreadable=request.skip_unreadable)


def count_folder(request: DataRequest) -> DataCounts:
    """Counts the images that can be read; raises DatasetError naming the others."""
    checked = check_folder(request)
    train, validation, test = (
        sum(len(checked.readable(paths)) for paths in classes.values())
        for classes in checked.folder.parts.values()
    )
    return DataCounts(
        classes=len(checked.folder.classes),
        train_images=train + validation,
        test_images=test,
        held_out=validation or round(train / 10),
        own_validation=validation,
    )


def load_folder(request: DataRequest) -> Dataset:
    """Every image as RGB in a square of ``image_size``; classes in the order of their names.

    Raises:
        DatasetError: naming every file that cannot be read, or what is wrong with the layout.
    """
    import numpy as np

    from trainables.data.dataset import make_dataset

    checked = check_folder(request)
    folder = checked.folder
    parts = {
        part: _read(checked, classes, request) for part, classes in folder.parts.items() if classes
    }
    train, own_validation = parts["train"], 0
    if "val" in parts:
        own_validation = len(parts["val"][1])
        images, labels = zip(train, parts["val"], strict=True)
        train = np.concatenate(images), np.concatenate(labels)
    return make_dataset(
        "folder",
        folder.classes,
        train,
        parts["test"],
        own_validation=own_validation,
        notes=_notes(checked, request),
    )


def folder_notes(request: DataRequest) -> list[str]:
    """The layout, the resize rule, what was passed over or skipped, and pictures that repeat."""
    return _notes(check_folder(request), request)


def _notes(checked: CheckedFolder, request: DataRequest) -> list[str]:
    notes = [
        f"{checked.folder.layout}; images become {request.image_size}×{request.image_size} pixels "
        f"by the rule {request.resize!r}"
    ]
    if words := checked.folder.passed_over_words():
        notes.append(f"passed over: {words}")
    if skipped := len(checked.unreadable):
        notes.append(f"skipped: {skipped:,} files that cannot be read (--skip-unreadable)")
    if checked.animated:
        notes.append(f"{checked.animated:,} files hold several pictures: the first is used")
    return notes + checked.duplicates()


def _read(
    checked: CheckedFolder, classes: Mapping[str, Sequence[Path]], request: DataRequest
) -> tuple[np.ndarray, np.ndarray]:
    """Images (N, S, S, 3) uint8 and labels (N,)."""
    import numpy as np

    from trainables.data.reading.image_file import open_rgb
    from trainables.data.reading.resize import RESIZES

    resize, side = RESIZES[request.resize], request.image_size
    files = [
        (path, label)
        for label, paths in enumerate(classes.values())
        for path in checked.readable(paths)
    ]
    images = np.empty((len(files), side, side, 3), np.uint8)
    for row, (path, _) in enumerate(files):
        images[row] = np.asarray(resize(open_rgb(path), side))
    return images, np.array([label for _, label in files], np.int64)


FOLDER = DataSource(
    name="folder",
    help="images of your own: train/<class>/* and test/<class>/* under --data-dir",
    count=count_folder,
    load=load_folder,
    digest=lambda request: check_folder(request).digest(),
    notes=folder_notes,
)
