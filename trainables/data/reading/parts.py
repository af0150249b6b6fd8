"""Train, validation and test parts that a program yields, made into one data set."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from trainables.data.dataset import Dataset, make_dataset
from trainables.data.reading.labelled import Labelled, check_labels, read_labelled
from trainables.data.sources import DataCounts, DataRequest

TEST_STEP = 5
"""Of a data set without parts, every fifth picture of a class is for the test."""


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


@dataclass(frozen=True, eq=False)
class ReadParts:
    """A data set, and the digest of its pixels and labels as they came."""

    dataset: Dataset
    digest: str

    @property
    def counts(self) -> DataCounts:
        """Of classes and images."""
        return self.dataset.counts


def read_parts(name: str, parts: Parts, request: DataRequest) -> ReadParts:
    """Reads every part.

    Raises:
        DatasetError: with what cannot be used.
    """
    given = {"train": parts.train, "val": parts.validation, "test": parts.test}
    read = {
        part: read_labelled(pictures, part, side=request.image_size, resize=request.resize)
        for part, pictures in given.items()
        if pictures is not None
    }
    digest = hashlib.blake2b(
        repr([(part, one.digest) for part, one in read.items()]).encode(), digest_size=16
    ).hexdigest()
    notes = list(parts.notes)
    if "test" not in read:
        read["train"], read["test"] = _split(read["train"])
        notes.append("there is no test part: every fifth picture of each class is for the test")
    labels = np.concatenate([one.labels for one in read.values()])
    count = max(int(labels.max(initial=-1)) + 1, len(parts.classes))
    classes = tuple(map(str, parts.classes)) or tuple(map(str, range(count)))
    check_labels(list(read.items()), classes)
    train = read["train"].images, read["train"].labels
    own = 0
    if "val" in read:
        own = len(read["val"].labels)
        train = (
            np.concatenate([train[0], read["val"].images]),
            np.concatenate([train[1], read["val"].labels]),
        )
    side = request.image_size
    notes.append(f"pictures become {side}×{side} pixels by the rule {request.resize!r}")
    test = read["test"].images, read["test"].labels
    dataset = make_dataset(
        name, classes, train, test, flips=parts.flips, own_validation=own, notes=notes
    )
    return ReadParts(dataset, digest)


def _split(whole: Labelled) -> tuple[Labelled, Labelled]:
    test = every_nth(whole.labels, TEST_STEP)
    return (
        Labelled(whole.images[~test], whole.labels[~test], whole.digest),
        Labelled(whole.images[test], whole.labels[test], whole.digest),
    )


def every_nth(labels: np.ndarray, step: int) -> np.ndarray:
    """A mask of every ``step``-th image of each class."""
    mask = np.zeros(len(labels), bool)
    for label in np.unique(labels):
        mask[np.flatnonzero(labels == label)[::step]] = True
    return mask
