"""Any classification data set of torchvision.datasets, by its name: torchvision:CIFAR100."""

from __future__ import annotations

import inspect
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trainables.data.datasets.data_source import DataSource
from trainables.data.sources import (
    DataRequest,
    DatasetError,
    default_data_dir,
    existing_dir,
)
from trainables.text.suggestion import did_you_mean

# torchvision takes three seconds to import, and is imported where a data set of its is asked for
if TYPE_CHECKING:
    from trainables.data.dataset import Dataset
    from trainables.data.reading.parts import Parts
    from trainables.data.reading.read_parts import ReadParts

PREFIX = "torchvision:"
TRAIN = ("train", "trainval")
VALIDATION = ("val", "valid")
TEST = ("test",)
NEVER_MIRRORED = frozenset(
    {"EMNIST", "GTSRB", "KMNIST", "MNIST", "QMNIST", "RenderedSST2", "SEMEION", "SVHN", "USPS"}
)
"""Digits, letters and signs: their mirror images are others, or none."""


@lru_cache(maxsize=1)
def read_torchvision(request: DataRequest) -> ReadParts:
    """The parts of the data set, read once a process.

    Raises:
        DatasetError: no such data set, not downloaded, or none of images and classes.
    """
    from trainables.data.reading.read_parts import ReadParts

    parts, root = _open(request.dataset.removeprefix(PREFIX), request)
    try:
        return ReadParts(parts, request, places=[root], reopen=partial(_load, request))
    except DatasetError as problem:
        raise DatasetError(f"{request.dataset}: {problem}") from problem


def _load(request: DataRequest) -> Dataset:
    return read_torchvision(request).dataset


def _open(name: str, request: DataRequest) -> tuple[Parts, Path]:
    """The parts, and the folder that they are read from."""
    from torchvision import datasets

    from trainables.data.reading.parts import Parts

    kinds = [one for one in datasets.__all__ if inspect.isclass(getattr(datasets, one))]
    if name not in kinds:
        raise DatasetError(f"torchvision.datasets has no {name!r}{did_you_mean(name, kinds)}")
    kind = getattr(datasets, name)
    root = existing_dir(request.data_dir) if request.data_dir else _download_dir(request)
    opener = _Opener(name, kind, root, may_download=request.data_dir is None)
    train, validation, test, notes = opener.parts()
    classes = getattr(train, "classes", None) or ()
    parts = Parts(
        train,
        test,
        validation,
        classes=tuple(one if isinstance(one, str) else str(one) for one in classes),
        flips=name not in NEVER_MIRRORED,
        notes=notes,
    )
    return parts, root


def _download_dir(request: DataRequest) -> Path:
    return request.download.expanduser() if request.download else default_data_dir()


class _Opener:
    """Makes the parts of a torchvision data set, whichever way its class asks for them."""

    def __init__(self, name: str, kind: Any, root: Path, *, may_download: bool) -> None:
        self._name, self._kind, self._root = name, kind, root
        self._may_download = may_download
        self._parameters = inspect.signature(kind.__init__).parameters

    def parts(self) -> tuple[Any, Any, Any, tuple[str, ...]]:
        """Train, validation or None, test or None, and what is worth a sentence."""
        if "split" in self._parameters:
            train, validation, test = map(self._first, (TRAIN, VALIDATION, TEST))
            if train is None:
                raise DatasetError(f"{PREFIX}{self._name} has no part named train")
            if test is None and validation is not None:
                note = "there is no part named test: the validation part is the test set"
                return train, None, validation, (note,)
            return train, validation, test, ()
        if "train" in self._parameters:
            return self._make(train=True), None, self._make(train=False), ()
        return self._make(), None, None, ()

    def _first(self, names: tuple[str, ...]) -> Any:
        """The part of the first name that the data set has; None where it has none."""
        for name in names:
            try:
                return self._make(split=name)
            except _NoSuchPart:
                continue
        return None

    def _make(self, **part: Any) -> Any:
        problem = self._try(part, download=False)
        if not isinstance(problem, Exception):
            return problem
        if isinstance(problem, ValueError) and "split" in part and "split" in str(problem):
            raise _NoSuchPart from problem
        if self._may_download and "download" in self._parameters:
            problem = self._try(part, download=True)
            if not isinstance(problem, Exception):
                return problem
        where = f"{PREFIX}{self._name} is not under {self._root}"
        advice = (
            "name a folder that holds it with --data-dir"
            if self._may_download
            else "leave --data-dir out to have it downloaded, or name the folder that holds it"
        )
        raise DatasetError(f"{where}: {problem}; {advice}") from problem

    def _try(self, part: dict[str, Any], *, download: bool) -> Any:
        """The data set, or what kept it from being made."""
        try:
            return self._kind(self._root, **part, **({"download": True} if download else {}))
        except Exception as problem:  # of a library and of files: it may be any
            return problem


class _NoSuchPart(ValueError):  # noqa: N818 (an answer)
    """The data set has no part of that name."""


TORCHVISION = DataSource(
    name="torchvision:NAME",
    help="a data set of torchvision, such as torchvision:CIFAR100",
    count=lambda request: read_torchvision(request).counts,
    load=_load,
    digest=lambda request: read_torchvision(request).digest,
    notes=lambda request: read_torchvision(request).notes,
    reads=frozenset({"data_dir", "download"}),
)
