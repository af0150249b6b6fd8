"""Train, validation and test parts that a program yields, and the division of their pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainables.data.reading.labelled import pairs_of, read_labelled
from trainables.data.sources import DataRequest, DatasetError

TEST_STEP = 5
"""In a data set without parts, every fifth picture of a class is a test picture."""

Labels = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Parts:
    """What a program yields; ``validation`` may be None, ``test`` None asks for a split.

    classes: their names; empty where they are numbered.
    flips: whether mirroring keeps the class.
    notes: sentences that outputs repeat.
    """

    train: Any
    test: Any
    validation: Any = None
    classes: Sequence[str] = ()
    flips: bool = True
    notes: tuple[str, ...] = field(default=())

    @property
    def given(self) -> dict[str, Any]:
        """The parts that exist."""
        parts = {"train": self.train, "val": self.validation, "test": self.test}
        return {name: part for name, part in parts.items() if part is not None}

    @property
    def pictures(self) -> int:
        """The number of pictures of all parts; raises DatasetError for an empty or invalid part."""
        counts = {name: len(pairs_of(part, name)) for name, part in self.given.items()}
        if empty := [name for name, count in counts.items() if not count]:
            raise DatasetError("; ".join(f"{name} has no pictures" for name in empty))
        return sum(counts.values())

    def class_names(self, labels: Mapping[str, Any]) -> tuple[str, ...]:
        """The names of the classes, or numbers up to the largest label of all parts."""
        largest = max(max(part, default=-1) for part in labels.values())
        return tuple(map(str, self.classes)) or tuple(map(str, range(int(largest) + 1)))


@dataclass(frozen=True, eq=False)
class Layout:
    """The destination of each picture of each part.

    places: for each part of a program the arrays "train" or "test", and the rows in them.
    counts: pictures of each array. own_validation: how many are the last ones of train.
    """

    places: Mapping[str, tuple[NDArray[np.str_], NDArray[np.int64]]]
    counts: Mapping[str, int]
    own_validation: int


def lay_out(parts: Parts, request: DataRequest) -> Layout:
    """Train followed by its own validation pictures, and test.

    Without a test part all labels of train are read for the split.
    """
    count = {name: len(pairs_of(part, name)) for name, part in parts.given.items()}
    is_test = np.zeros(count["train"], bool)
    if "test" not in count:
        is_test = every_nth(read_labels(parts.train, "train", request)[0], TEST_STEP)
    kept, own = int((~is_test).sum()), count.get("val", 0)
    rows = np.where(is_test, np.cumsum(is_test), np.cumsum(~is_test)) - 1
    places = {"train": (np.where(is_test, "test", "train"), rows)}
    places["val"] = (np.full(own, "train"), kept + np.arange(own))
    tests = count.get("test", 0)
    places["test"] = (np.full(tests, "test"), np.arange(tests))
    return Layout(places, {"train": kept + own, "test": tests + int(is_test.sum())}, own)


def read_labels(part: Any, name: str, request: DataRequest) -> tuple[Labels, str]:
    """The label of every picture, and the digest of all; does not keep the pictures."""
    side = request.image_size
    scratch = np.empty((side, side, 3), np.uint8)
    read = read_labelled(part, name, lambda _: scratch, side=side, resize=request.resize)
    return read.labels, read.digest


def every_nth(labels: Labels, step: int) -> NDArray[np.bool_]:
    """A mask of every ``step``-th image of each class."""
    mask = np.zeros(len(labels), bool)
    for label in np.unique(labels):
        mask[np.flatnonzero(labels == label)[::step]] = True
    return mask
