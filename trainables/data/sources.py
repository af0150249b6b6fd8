"""Facts about data sets before they are read, for plans. Does not import numpy."""

from __future__ import annotations

import dataclasses
import math
import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from trainables.config.resolution import Facts, with_defaults
from trainables.config.train_config import TrainConfig
from trainables.files.user_cache import user_cache
from trainables.text.suggestion import nearest

DATA_VARIABLE = "RANKTUNE_DATA"


ONE_PLACE = (
    "--data-dir names an existing copy, and --download a place for a new one: keep one of them"
)


class DatasetError(ValueError):
    """Images are absent, damaged or not laid out as expected; the message has the remedy."""


@dataclass(frozen=True, slots=True)
class DataRequest:
    """Which images to read, from where, and how.

    dataset: a name of ``DATASETS``.
    data_dir: an existing copy; it is never created or written to.
    download: where an absent data set is downloaded to; None is ``default_data_dir()``.
    image_size: the side, in pixels, of the square that every image becomes.
    resize: how an image of another shape becomes that square; a name of ``RESIZES``.
    skip_unreadable: go on without the files that cannot be read; otherwise they are an error.
    """

    dataset: str
    data_dir: Path | None = None
    download: Path | None = None
    image_size: int = 32
    resize: str = "crop"
    skip_unreadable: bool = False


@dataclass(frozen=True, slots=True)
class DataCounts:
    """The facts about a data set before it is read.

    train_images: those that are not for the test, with the data's own validation images.
    held_out: of these, how many are kept for validation unless a trial says otherwise.
    own_validation: how many of ``train_images`` the data set itself sets aside for validation; 0
        where the held-out images are drawn from the others.
    flips: whether mirroring an image left to right keeps its class.
    by_class: of each class, the images of which those that judge are taken: its own validation
        images, or else those to train on; empty where classes are known to be equal.
    """

    classes: int
    train_images: int
    test_images: int
    held_out: int
    own_validation: int = 0
    flips: bool = True
    by_class: Mapping[str, int] = field(default_factory=dict, compare=False)

    @property
    def facts(self) -> Facts:
        """What the keys that a trial leaves open follow from."""
        return dataclasses.asdict(self)


UNEQUAL = 1.5
"""Classes are called unequal where the largest has over so many times the smallest's images."""


def unequal_notes(labels: Iterable[int], classes: Sequence[str]) -> list[str]:
    """A sentence if classes have very different numbers of training images; else empty."""
    counts = Counter(labels)
    (largest, most), (smallest, least) = counts.most_common(1)[0], counts.most_common()[-1]
    if most <= UNEQUAL * least:
        return []
    return [
        f"classes are unequal: {most:,} training images of {classes[largest]!r}, {least:,} of "
        f"{classes[smallest]!r}; metric=balanced_accuracy judges by each class alike, "
        "class_weights=balanced trains so"
    ]


def count_by_class(
    labels: Sequence[int], classes: Sequence[str], own_validation: int
) -> dict[str, int]:
    """``by_class`` of ``DataCounts``; the own validation images are the last ones."""
    counts = Counter(int(label) for label in labels[-own_validation:])
    return {name: counts[label] for label, name in enumerate(classes)}


def class_quotas(counts: Sequence[int], total: int) -> list[int]:
    """``total`` divided in proportion to ``counts``; the largest remainders get the rest."""
    exact = [count * (total / sum(counts)) for count in counts]
    quotas = [math.floor(share) for share in exact]
    by_remainder = sorted(range(len(counts)), key=lambda label: quotas[label] - exact[label])
    for label in by_remainder[: total - sum(quotas)]:
        quotas[label] += 1
    return quotas


def packed_bytes(images: int, side: int) -> int:
    """Memory of images: four bytes per pixel."""
    return images * side * side * 4


def requested_data(config: TrainConfig, data_dir: Path | None = None) -> DataRequest:
    """The images that a trial trains on."""
    return DataRequest(config.dataset, data_dir, image_size=config.image_size, resize=config.resize)


def default_data_dir() -> Path:
    """$RANKTUNE_DATA, else the user's cache folder; data sets are downloaded there."""
    if configured := os.environ.get(DATA_VARIABLE):
        return Path(configured).expanduser()
    return user_cache() / "data"


def existing_dir(folder: Path) -> Path:
    """The folder, expanded.

    Raises:
        DatasetError: where it does not exist, with a similar name beside it.
    """
    folder = folder.expanduser()
    if folder.is_dir():
        return folder
    if folder.exists():
        raise DatasetError(f"--data-dir {folder} is a file; name the folder that holds the data")
    parent = folder.absolute().parent
    beside = [path.name for path in parent.iterdir() if path.is_dir()] if parent.is_dir() else []
    near = nearest(folder.name, beside)
    hint = f"did you mean {folder.parent / near}?" if near else "name the folder of the data"
    raise DatasetError(f"--data-dir {folder} does not exist, and is not created; {hint}")


def count_images(config: TrainConfig, counts: DataCounts) -> tuple[int, int]:
    """The numbers of held-out images and of training images of a trial.

    Where the data set has its own validation images, exactly these are held out; a trial that holds
    out none trains on them too.
    """
    keys = with_defaults(config.to_dict(), counts.facts)
    return keys["validation_images"], keys["train_images"]


def misfit(config: TrainConfig, counts: DataCounts) -> str:
    """The problem of a configuration with the numbers of classes and images; "" for none."""
    if config.classes != counts.classes:
        return (
            f"{config.dataset} has {counts.classes:,} classes, classes says {config.classes:,}: "
            "leave it out"
        )
    held_out, needed = count_images(config, counts)
    own = counts.own_validation
    if held_out and own and held_out > own:
        return (
            f"{config.dataset} has {own:,} validation images of its own, validation_images asks "
            f"for {held_out:,}: lower it, or leave it out"
        )
    kept = own if held_out and own else held_out
    if kept >= counts.train_images:
        return (
            f"{config.dataset} has {counts.train_images:,} training images; {kept:,} for "
            "validation leave none to train on: lower validation_images"
        )
    if kept + needed > counts.train_images:
        return (
            f"{config.dataset} has {counts.train_images:,} training images; {kept:,} for "
            f"validation and {needed:,} to train on do not fit: lower validation_images or "
            "train_images"
        )
    if needed < config.batch_size:
        return (
            f"batch_size {config.batch_size} is more than the {needed:,} images to train on: lower "
            "it (--set batch_size=…)"
        )
    return ""
