"""A folder of a user's own images, with one folder per class."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trainables.data.datasets.data_source import DataSource
from trainables.data.reading.image_check import CheckedFolder, check_images, on_every_core
from trainables.data.reading.image_folder import LAYOUT, ImageFolder, list_images, name
from trainables.data.sources import (
    DataCounts,
    DataRequest,
    DatasetError,
    existing_dir,
    packed_bytes,
    unequal_notes,
)
from trainables.files.file_state import file_state

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
    return _counts(check_folder(request))


def _counts(checked: CheckedFolder) -> DataCounts:
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
        by_class={
            name: len(checked.readable(paths))
            for name, paths in (checked.folder.validation or checked.folder.train).items()
        },
    )


def load_folder(request: DataRequest) -> Dataset:
    """Every image as RGB in a square of ``image_size``; classes in the order of their names.

    In memory where they fit, else mapped from a file that is written once on each node.

    Raises:
        DatasetError: naming every file that cannot be read, or what is wrong with the layout.
    """
    from trainables.data import pixel_cache
    from trainables.data.dataset import PixelStatistics, make_dataset, pixel_statistics

    checked = check_folder(request)
    files = _files(checked)
    labels = {part: _labels(pairs) for part, pairs in files.items()}
    counts = {part: len(pairs) for part, pairs in files.items()}
    side = request.image_size

    def fill(arrays: pixel_cache.Arrays) -> dict[str, Any]:
        for part, pairs in files.items():
            _read(pairs, checked, request, arrays[part])
        parts = [(arrays[part], labels[part]) for part in ("train", "test")]
        return dataclasses.asdict(pixel_statistics(parts[0], parts[1]))

    fits = packed_bytes(sum(counts.values()), side) <= pixel_cache.IN_MEMORY_BYTES
    if fits:
        arrays = pixel_cache.new_arrays(counts, side)
        facts = fill(arrays)
    else:
        key = f"{checked.digest()}-{side}-{request.resize}"
        arrays, facts = pixel_cache.map_arrays(key, lambda: counts, side, fill)
    return make_dataset(
        "folder",
        checked.folder.classes,
        (arrays["train"], labels["train"]),
        (arrays["test"], labels["test"]),
        own_validation=_counts(checked).own_validation,
        statistics=PixelStatistics(
            tuple(facts["mean"]), tuple(facts["std"]), str(facts["checksum"])
        ),
        notes=_notes(checked, request),
        reopen=None if fits else partial(load_folder, request),
    )


def folder_notes(request: DataRequest) -> list[str]:
    """The layout, the resize rule, what was passed over or skipped, and pictures that repeat."""
    return _notes(check_folder(request), request)


def _notes(checked: CheckedFolder, request: DataRequest) -> list[str]:
    counts = _counts(checked)
    notes = [
        f"{checked.folder.layout}; images become {request.image_size}×{request.image_size} pixels "
        f"by the rule {request.resize!r}",
        f"{counts.train_images:,} images to train on, of which {counts.held_out:,} "
        f"{'is' if counts.held_out == 1 else 'are'} held out unless validation_images says "
        f"otherwise; {counts.test_images:,} for the test",
    ]
    if words := checked.folder.passed_over_words():
        notes.append(f"passed over: {words}")
    if skipped := len(checked.unreadable):
        notes.append(f"skipped: {skipped:,} files that cannot be read (--skip-unreadable)")
    if checked.animated:
        notes.append(f"{checked.animated:,} files hold several pictures: the first is used")
    labels = [label for _, label in _files(checked)["train"]]
    return notes + unequal_notes(labels, checked.folder.classes) + checked.duplicates()


def _files(checked: CheckedFolder) -> dict[str, list[tuple[Path, int]]]:
    """The readable files with their labels: train with its own validation images last, and test."""
    folder = checked.folder

    def pairs(classes: Mapping[str, Sequence[Path]]) -> list[tuple[Path, int]]:
        return [
            (path, label)
            for label, paths in enumerate(classes.values())
            for path in checked.readable(paths)
        ]

    return {"train": pairs(folder.train) + pairs(folder.validation), "test": pairs(folder.test)}


def _labels(pairs: Sequence[tuple[Path, int]]) -> np.ndarray:
    """(N,) int64."""
    import numpy as np

    return np.array([label for _, label in pairs], np.int64)


def _read(
    pairs: Sequence[tuple[Path, int]],
    checked: CheckedFolder,
    request: DataRequest,
    images: np.ndarray,
) -> None:
    """Fills (N, S, S, 4) packed images, on every core, with a bar where that takes long."""
    import numpy as np

    from trainables.data.reading.image_file import UnreadableImage, open_rgb
    from trainables.data.reading.resize import RESIZES

    resize, side = RESIZES[request.resize], request.image_size

    def read(row: int) -> None:
        path = pairs[row][0]
        try:
            images[row, ..., :3] = np.asarray(resize(open_rgb(path), side))
        except UnreadableImage as problem:
            raise DatasetError(
                f"{name(path)} could be read before and cannot now ({problem}); the same command "
                "looks into every file again"
            ) from problem
        if file_state(path) != checked.files[path].state:  # its pixels are part of the trials' ids
            raise DatasetError(
                f"{name(path)} was changed while the images were read; the same command looks into "
                "it again"
            )

    for _ in on_every_core(read, range(len(pairs)), "resizing images"):
        pass


FOLDER = DataSource(
    name="folder",
    help="images of your own: train/<class>/* and test/<class>/* under --data-dir",
    count=count_folder,
    load=load_folder,
    digest=lambda request: check_folder(request).digest(),
    notes=folder_notes,
    reads=frozenset({"data_dir", "skip_unreadable"}),
)
