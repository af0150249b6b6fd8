"""Pictures with labels that a program yields: arrays, or a map-style data set of pairs."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from trainables.data.reading.image_check import with_bar
from trainables.data.reading.image_file import UnreadableImage, to_rgb
from trainables.data.reading.resize import RESIZES
from trainables.data.sources import DatasetError
from trainables.text.error_words import error_words
from trainables.text.table import shorten

NAMED = 5
"""The number of problems listed in full; further ones are counted."""


@dataclass(frozen=True, eq=False)
class Labelled:
    """labels: (N,) int64; digest: of labels and pixels as they came; pictures: of each picture."""

    labels: NDArray[np.int64]
    digest: str
    pictures: list[bytes]


WHOLE = "a label must be a whole number from 0 on"

Place = Callable[[int], NDArray[np.uint8]]
"""Number of a picture → the array for its (S, S, 3) pixels."""


def read_labelled(part: Any, what: str, place: Place, *, side: int, resize: str) -> Labelled:
    """Reads arrays ``(images, labels)``, or a data set whose items are ``(image, label)``.

    Args:
        part: Images are uint8 arrays or tensors (H, W), (H, W, 1), (H, W, 3), (H, W, 4) or
            (3, H, W), or Pillow images; labels are whole numbers from 0 on.
        what: Names the part in messages.
        place: Where the pixels of each picture are written.
        side: Pixels along each side of what is written.
        resize: How another shape becomes a square; a name of ``RESIZES``.

    Raises:
        DatasetError: with every picture and label that cannot be used.
    """
    pairs = pairs_of(part, what)
    labels = np.empty(len(pairs), np.int64)
    digest = hashlib.blake2b(digest_size=16)
    pictures = []
    problems = []
    for number in with_bar(range(len(pairs)), f"reading {what}"):
        try:
            image, label = _pair(pairs, number)
            picture = _to_picture(image)
            labels[number] = _to_label(label)
        except (UnreadableImage, DatasetError, TypeError, ValueError) as problem:
            problems.append(f"{what}[{number}]: {problem}")
            continue
        pixels = np.ascontiguousarray(picture)
        digest.update(repr((pixels.shape, int(labels[number]))).encode())
        digest.update(pixels.data)
        own = hashlib.blake2b(repr(pixels.shape).encode(), digest_size=16)
        own.update(pixels.data)
        pictures.append(own.digest())
        square = pixels.shape[:2] == (side, side)
        written = pixels if square else np.asarray(RESIZES[resize](picture, side))
        place(number)[...] = written
    if problems:
        more = f"; and {len(problems) - NAMED:,} more" if len(problems) > NAMED else ""
        raise DatasetError("; ".join(problems[:NAMED]) + more)
    return Labelled(labels, digest.hexdigest(), pictures)


def check_labels(parts: Mapping[str, NDArray[np.int64]], classes: Sequence[str]) -> None:
    """Raises DatasetError where a part is empty, or a class is missing from it or unknown."""
    problems = []
    for name, labels in parts.items():
        if not len(labels):
            problems.append(f"{name} has no pictures")
            continue
        absent = sorted(set(range(len(classes))) - set(labels.tolist()))
        if absent and name == "train":
            problems.append(f"{name} has no pictures of {_absent_words(absent, labels, classes)}")
        if labels.max() >= len(classes):
            problems.append(f"{name} has labels up to {labels.max()}, of {len(classes)} classes")
    if len(classes) < 2:
        problems.append("there is 1 class, at least 2 are needed")
    if problems:
        raise DatasetError("; ".join(problems))


def _absent_words(absent: Sequence[int], labels: NDArray[np.int64], classes: Sequence[str]) -> str:
    """The classes without a picture, and what to do where labels start at another number than 0."""
    words = ", ".join(
        f"{label}" if classes[label] == f"{label}" else f"{label} ({classes[label]})"
        for label in absent[:NAMED]
    )
    subject = f"the class {words}" if len(absent) == 1 else f"the classes {words}"
    lowest = int(labels.min())
    if absent != list(range(lowest)):
        return subject
    return f"{subject}: labels start at 0, these at {lowest}; subtract {lowest} from all labels"


def pairs_of(part: Any, what: str) -> Any:
    """Something with a length whose items are pairs."""
    if isinstance(part, (tuple, list)) and len(part) == 2 and hasattr(part[0], "shape"):
        images, labels = part
        if len(images) != len(labels):
            raise DatasetError(f"{what} has {len(images):,} images and {len(labels):,} labels")
        return _Zipped(images, labels)
    if not (hasattr(part, "__len__") and hasattr(part, "__getitem__")):
        raise DatasetError(
            f"{what} must be arrays (images, labels), or a data set with a length whose items are "
            f"(image, label); got {type(part).__name__}"
        )
    try:
        len(part)
    except (Exception, SystemExit) as problem:  # a user's class may raise anything
        said = error_words(problem)
        raise DatasetError(f"{what} does not say how many images it has: {said}") from problem
    return part


class _Zipped:
    """Arrays of images and labels as pairs."""

    def __init__(self, images: Any, labels: Any) -> None:
        self._images, self._labels = images, labels

    def __len__(self) -> int:
        return len(self._images)

    def __getitem__(self, number: int) -> tuple[Any, Any]:
        return self._images[number], self._labels[number]


def _pair(pairs: Any, number: int) -> tuple[Any, Any]:
    """One item; raises DatasetError for what somebody's own code raises, and for no pair."""
    try:
        item = pairs[number]
    except (Exception, SystemExit) as problem:  # a user's class may raise anything
        raise DatasetError(error_words(problem)) from problem
    if not isinstance(item, (tuple, list)) or len(item) != 2:
        got = type(item).__name__
        got += f" of {len(item)}" if isinstance(item, (tuple, list)) else ""
        keys = f" with the keys {', '.join(map(str, item))}" if isinstance(item, dict) else ""
        raise DatasetError(f"an item must be a pair (image, label), got a {got}{keys}")
    return item[0], item[1]


def _as_bytes(pixels: np.ndarray) -> str:
    """How such values become bytes."""
    if pixels.dtype.kind not in "iu":
        measured = pixels.size > 0 and pixels.dtype.kind == "f"
        low, high = (pixels.min(), pixels.max()) if measured else (0, 1)
        if 0 <= low <= high <= 1:
            return "values in [0, 1] become so by (255 * values).round().astype('uint8')"
        return (
            f"values from {low:.3g} to {high:.3g}; give them from 0 to 255, as they are before "
            "they are normalised, and .round().astype('uint8')"
        )
    if pixels.dtype.itemsize == 1 or (pixels.size and 0 <= pixels.min() <= pixels.max() <= 255):
        return "values from 0 to 255 become so by values.astype('uint8')"
    return "values from 0 to 65535 become so by (values / 257).round().astype('uint8')"


def _to_picture(image: Any) -> Image.Image:
    if isinstance(image, Image.Image):
        return to_rgb(image)
    pixels = np.asarray(image)
    if pixels.dtype != np.uint8:
        raise DatasetError(
            f"an image must be of type uint8 (0 to 255), got {pixels.dtype}: {_as_bytes(pixels)}"
        )
    if pixels.ndim == 3 and pixels.shape[2] not in (1, 3, 4) and pixels.shape[0] in (1, 3):
        pixels = pixels.transpose(1, 2, 0)  # as torch has it
    if pixels.ndim == 3 and pixels.shape[2] == 1:
        pixels = pixels[..., 0]
    if pixels.ndim not in (2, 3) or (pixels.ndim == 3 and pixels.shape[2] not in (3, 4)):
        raise DatasetError(f"an image must be (H, W), (H, W, 3) or (3, H, W), got {pixels.shape}")
    if 0 in pixels.shape:
        raise DatasetError(f"an image has no pixels: {pixels.shape}")
    return to_rgb(Image.fromarray(np.ascontiguousarray(pixels)))


def _to_label(label: Any) -> int:
    value = np.asarray(label)
    if value.shape not in ((), (1,)) or value.dtype.kind not in "iu":
        raise DatasetError(f"{WHOLE}, got {shorten(repr(label), 60)}{_hint(value)}")
    if int(value.reshape(())) < 0:
        raise DatasetError(f"{WHOLE}, got {label!r}")
    return int(value.reshape(()))


def _hint(value: NDArray[Any]) -> str:
    """How labels of another kind become numbers."""
    if value.dtype.kind == "U":
        return ": np.unique(labels, return_inverse=True) numbers the names"
    if value.ndim != 1 or value.dtype.kind not in "biuf":
        return ""
    if value.sum() == 1 and set(value.tolist()) <= {0, 1}:
        return ": labels.argmax(1) numbers the classes"
    return f": these are {value.size} labels of one image, choose one"
