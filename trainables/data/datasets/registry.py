"""Every data set by name, and functions that use one. Imports nothing heavy."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from trainables.data.datasets.cifar10 import CIFAR10
from trainables.data.datasets.data_source import DataSource
from trainables.data.datasets.digits import DIGITS
from trainables.data.datasets.folder import FOLDER
from trainables.data.datasets.python_file import PATTERN, PYTHON_FILE
from trainables.data.datasets.torchvision_set import PREFIX, TORCHVISION, class_names
from trainables.data.sources import DataCounts, DataRequest, DatasetError
from trainables.text.suggestion import did_you_mean

if TYPE_CHECKING:
    from trainables.data.dataset import Dataset

DATASETS: dict[str, DataSource] = {
    source.name: source
    for source in (
        CIFAR10,
        DIGITS,
        FOLDER,
        TORCHVISION,
        PYTHON_FILE,
    )
}


def find_source(name: str) -> DataSource:
    """The data set of that name.

    Raises:
        DatasetError: for an unknown name, with all names and a suggestion.
    """
    if name in DATASETS:
        return DATASETS[name]
    text = str(name)  # a number where somebody set one
    if text.startswith(PREFIX):
        return TORCHVISION
    if PATTERN.fullmatch(text):
        return PYTHON_FILE
    raise DatasetError(f"dataset must be one of {', '.join(DATASETS)}, got {name!r}{_hint(text)}")


def _hint(name: str) -> str:
    """What an unknown name may mean: a folder, one of torchvision's classes, or a similar name."""
    if Path(name).is_dir():
        return f"; did you mean --dataset folder --data-dir {shlex.quote(name)}?"
    plain = _plain(name)
    ours = next((known for known in DATASETS if _plain(known) == plain), None)
    theirs = [] if ours else [PREFIX + known for known in class_names() if _plain(known) == plain]
    return f"; did you mean {theirs[0]!r}?" if theirs else did_you_mean(ours or name, DATASETS)


def _plain(name: str) -> str:
    """Without what is spelt in several ways: CIFAR-100 is cifar100."""
    return name.casefold().replace("-", "").replace("_", "")


def count_dataset(request: DataRequest) -> DataCounts:
    """The numbers of classes and images, from the names of files; opens no image.

    Files that will be downloaded count as present.

    Raises:
        DatasetError: naming every file or folder that is wrong.
    """
    return find_source(request.dataset).count(request)


def one_spelling(dataset: str) -> str:
    """The name of a data set as it is part of a trial's id; an unknown one stays as it is."""
    try:
        return find_source(dataset).spelled(dataset)
    except DatasetError:
        return dataset


def is_present(request: DataRequest) -> bool:
    """Whether it can be loaded without a download."""
    return find_source(request.dataset).is_present(request)


def content_digest(request: DataRequest) -> str | None:
    """A digest of every label and pixel, which does not depend on the folder's name.

    Two folders with the same images in the same classes have the same digest. Swapped labels, a
    different image or a skipped file change it. ``image_size`` and ``resize`` do not, as they are
    keys of a trial. The digest is part of a study's identity and of a trial's id.

    Returns:
        32 hex digits; None for a ready data set, which its name identifies.

    Raises:
        DatasetError: naming every file that cannot be read.
    """
    source = find_source(request.dataset)
    return source.digest(request) if source.digest else None


def unread_options(request: DataRequest) -> list[str]:
    """One sentence for each of --data-dir, --download, --skip-unreadable without an effect."""
    return find_source(request.dataset).unread_options(request)


def data_notes(request: DataRequest) -> list[str]:
    """Sentences on layout, split and skipped files, for plan, report and card."""
    return find_source(request.dataset).notes(request)


def load_dataset(request: DataRequest, content: str | None = None) -> Dataset:
    """Reads a data set into memory.

    Args:
        request: Which images, and how they are read.
        content: The ``content_digest`` that trials were planned with; empty where it is no part of
            their ids.

    Raises:
        DatasetError: absent, damaged, unknown, or not of that content, with what to do.
    """
    data = find_source(request.dataset).load(request)
    if content and content_digest(request) != content:
        raise DatasetError(
            f"the images of {request.data_dir or request.dataset} were changed after they had been "
            "looked at; the same command looks at them again"
        )
    return data
