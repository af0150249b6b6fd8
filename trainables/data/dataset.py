"""Images and labels in memory, divided into training and test."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import sqrt
from pathlib import Path
from typing import Any, SupportsIndex

import numpy as np
from numpy.typing import NDArray

from trainables.config.starting_weights import read_normalization
from trainables.data.sources import DataCounts, DatasetError, count_by_class

Labels = NDArray[np.int64]

PART = 1024
"""The number of images processed together; at 32×32 they fit into a CPU's cache."""
WORDS_IN_CACHE = 65_536


@dataclass(frozen=True, eq=False)
class Dataset:
    """A classification data set in memory; arrays may be read-only and shared between processes.

    train_pixels, test_pixels: (N, S, S, 4) uint8, red, green, blue and a zero. The fourth byte
        makes a pixel one aligned 32-bit word: gathering a batch of words took 1.2 µs an image of
        32×32 where gathering 3-byte pixels took 13.9 (Xeon at 2.5 GHz, one core).
    train_labels, test_labels: (N,) int64 in [0, classes).
    mean, std: per channel over the training images, in units of pixel values (0 to 255).
    validation_images: how many training images are held out unless a trial says otherwise.
    own_validation: how many training images, the last ones, the data set itself sets aside for
        validation; 0 where the held-out images are drawn from all.
    flips: whether mirroring an image left to right keeps its class.
    checksum: hex digest of every pixel and label.
    notes: sentences on layout and on skipped files, for the outputs.
    reopen: opens the data set on another node where its images are mapped from files, not held.
    """

    name: str
    classes: tuple[str, ...]
    train_pixels: NDArray[np.uint8]
    train_labels: Labels
    test_pixels: NDArray[np.uint8]
    test_labels: Labels
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    validation_images: int
    flips: bool
    checksum: str
    own_validation: int = 0
    notes: tuple[str, ...] = ()
    reopen: Callable[[], Dataset] | None = None

    def __reduce_ex__(self, protocol: SupportsIndex) -> Any:
        """Pickles mapped images as a reference: unpickling maps the node's own file."""
        if self.reopen:
            return _reopened, (self.reopen, self.name, self.checksum, Path.cwd())
        return super().__reduce_ex__(protocol)

    @property
    def image_size(self) -> int:
        """Pixels along each side."""
        return self.train_pixels.shape[1]

    @property
    def train_images(self) -> NDArray[np.uint8]:
        """(N, S, S, 3) view."""
        return self.train_pixels[..., :3]

    @property
    def test_images(self) -> NDArray[np.uint8]:
        """(N, S, S, 3) view."""
        return self.test_pixels[..., :3]

    @property
    def counts(self) -> DataCounts:
        """The counts, as they are known before reading."""
        return DataCounts(
            classes=len(self.classes),
            train_images=len(self.train_labels),
            test_images=len(self.test_labels),
            held_out=self.validation_images,
            own_validation=self.own_validation,
            flips=self.flips,
            by_class=count_by_class(self.train_labels.tolist(), self.classes, self.own_validation),
        )


def _reopened(reopen: Callable[[], Dataset], name: str, checksum: str, place: Path) -> Dataset:
    """The data set that was pickled; the images that it is read from may have changed since.

    Args:
        reopen: opens it.
        name: of the data set.
        checksum: of the images that were pickled.
        place: the folder that relative paths start from. A worker of Ray stands in its trial's.

    Raises:
        DatasetError: they are others.
    """
    try:
        with contextlib.chdir(place) if place.is_dir() else contextlib.nullcontext():
            data = reopen()
    except DatasetError as problem:
        raise DatasetError(
            f"the images of {name!r} could be read when the study began: {problem}"
        ) from problem
    if data.checksum != checksum:
        raise DatasetError(
            f"the images of {name!r} were changed since the study began (checksum {checksum[:8]}, "
            f"now {data.checksum[:8]}): restore them and give the same command again, or start "
            "another study with --name"
        )
    return data


@dataclass(frozen=True)
class PixelStatistics:
    """``mean``, ``std`` and ``checksum`` of a ``Dataset``."""

    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    checksum: str


def make_dataset(
    name: str,
    classes: Sequence[str],
    train: tuple[NDArray[np.uint8], Labels],
    test: tuple[NDArray[np.uint8], Labels],
    *,
    flips: bool = True,
    validation_images: int | None = None,
    own_validation: int = 0,
    statistics: PixelStatistics | None = None,
    notes: Sequence[str] = (),
    reopen: Callable[[], Dataset] | None = None,
) -> Dataset:
    """Packs (N, S, S, 3) images, and computes their statistics where these are not known.

    Packed images, (N, S, S, 4), are used as they are.
    The last ``own_validation`` training images are the data set's own for validation.
    ``validation_images`` None: these, or one tenth of the training images.
    """
    (train_images, train_labels), (test_images, test_labels) = train, test
    statistics = statistics or pixel_statistics(train, test)
    held_out = validation_images
    if held_out is None:
        held_out = own_validation or round(len(train_images) / 10)
    return Dataset(
        name=name,
        classes=tuple(classes),
        train_pixels=pack([train_images]),
        train_labels=np.ascontiguousarray(train_labels, np.int64),
        test_pixels=pack([test_images]),
        test_labels=np.ascontiguousarray(test_labels, np.int64),
        mean=statistics.mean,
        std=statistics.std,
        validation_images=held_out,
        flips=flips,
        checksum=statistics.checksum,
        own_validation=own_validation,
        notes=tuple(notes),
        reopen=reopen,
    )


def normalized(data: Dataset, normalization: str) -> Dataset:
    """The data set with mean and deviation of the key ``normalization``; "" means its own."""
    chosen = read_normalization(normalization)
    if chosen is None:
        return data
    mean, std = ((255 * red, 255 * green, 255 * blue) for red, green, blue in chosen)
    return dataclasses.replace(data, mean=mean, std=std)


def pixel_statistics(
    train: tuple[NDArray[np.uint8], Labels], test: tuple[NDArray[np.uint8], Labels]
) -> PixelStatistics:
    """The statistics of (N, S, S, 3) images and their labels."""
    mean, std = _channel_statistics(train[0])
    return PixelStatistics(
        mean, std, _checksum(train[0][..., :3], train[1], test[0][..., :3], test[1])
    )


def pack(parts: Sequence[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """Images (N, S, S, 3) of all parts; each pixel is the bytes of a word: red, green, blue, 0.

    A single part of packed images, (N, S, S, 4), is used as it is. Whole words are written: where
    images are stored as planes, as CIFAR-10's are, single bytes take seven times as long.
    """
    if len(parts) == 1 and parts[0].shape[3] == 4:
        return parts[0]
    height, width = parts[0].shape[1:3]
    words = np.empty((sum(map(len, parts)), height, width), "<u4")
    at_once = max(1, WORDS_IN_CACHE // (height * width))
    end = 0
    for part in parts:
        for first in range(0, len(part), at_once):
            some = part[first : first + at_once]
            start, end = end, end + len(some)
            to = words[start:end]
            to[...] = some[..., 2]
            for channel in (1, 0):
                to <<= 8
                to |= some[..., channel]
    return words.view(np.uint8).reshape(-1, height, width, 4)


def _copy_channels(images: NDArray[np.uint8], to: NDArray[np.uint8]) -> None:
    """Copies channel by channel, in half the time where images are stored as planes."""
    for channel in range(3):
        to[..., channel] = images[..., channel]


def _channel_statistics(
    images: NDArray[np.uint8],
) -> tuple[tuple[float, float, float], tuple[float, float, float]]:
    """Mean and standard deviation of each channel, from exact integer sums."""
    count = images[..., 0].size
    means, deviations = [], []
    for channel in range(3):
        total = squares = 0
        for part in range(0, len(images), PART):
            values = images[part : part + PART, ..., channel].astype(np.int64).ravel()
            total += int(values.sum())
            squares += int(values @ values)
        means.append(total / count)
        deviations.append(sqrt(squares / count - (total / count) ** 2))
    return (means[0], means[1], means[2]), (deviations[0], deviations[1], deviations[2])


def _checksum(*arrays: NDArray) -> str:
    """The checksum of RGB images and labels, in parts: mapped images may not fit into memory."""
    digest = hashlib.blake2b(digest_size=16)
    for array in arrays:
        digest.update(f"{array.shape}{array.dtype}".encode())
        for first in range(0, len(array), PART):
            part = array[first : first + PART]
            contiguous = np.empty(part.shape, array.dtype)
            if array.ndim == 4:
                _copy_channels(part, contiguous)
            else:
                contiguous[...] = part
            digest.update(contiguous.data)
    return digest.hexdigest()
