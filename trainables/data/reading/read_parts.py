"""The data set of a program's parts, read once for each size and resize rule."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from functools import cached_property
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np

from trainables.config.torch_process import store_answer, stored_answer
from trainables.data import pixel_cache
from trainables.data.dataset import (
    Dataset,
    PixelStatistics,
    make_dataset,
    pixel_statistics,
)
from trainables.data.reading.labelled import check_labels, read_labelled
from trainables.data.reading.parts import Layout, Parts, lay_out, read_labels
from trainables.data.reading.repeats import repeat_notes
from trainables.data.reading.source_digest import source_digest
from trainables.data.sources import (
    DataCounts,
    DataRequest,
    DatasetError,
    count_by_class,
    packed_bytes,
    unequal_notes,
)
from trainables.files.user_cache import user_cache

FORMAT = 2
"""Version of the cached facts; raised when they hold more than before."""


@dataclass(frozen=True, slots=True)
class PartFacts:
    """The facts from reading every picture, as plain values, which are cached.

    digest: of pixels and labels as they came. labels: of train, its own validation last, and test.
    statistics: of the squares. repeats: sentences on pictures that occur more than once.
    """

    digest: str
    labels: dict[str, list[int]]
    own_validation: int
    statistics: dict[str, Any]
    repeats: list[str] = field(default_factory=list)  # older caches have none


class ReadParts:
    """A data set whose facts are cached, and reused while the parts stay unchanged.

    Pictures that do not fit into memory are cached too, in files that all processes of a node map.
    """

    def __init__(
        self,
        parts: Parts,
        request: DataRequest,
        *,
        places: list[Path],
        reopen: Callable[[], Dataset],
    ) -> None:
        """Reads the parts, unless the cache has their facts.

        Args:
            parts: What the program yields.
            request: Size and resize rule.
            places: Folders and files from which the parts may read.
            reopen: Opens the data set on another node.

        Raises:
            DatasetError: listing the pictures that cannot be used.
        """
        self._parts, self._request, self._reopen = parts, request, reopen
        size = packed_bytes(parts.pictures, request.image_size)
        self._fits = size <= pixel_cache.IN_MEMORY_BYTES
        source = source_digest(parts.given, places) or self._digest_of_pictures()
        self._key = f"{source}-{request.image_size}-{request.resize}"
        self._facts = (self._known() if self._fits else None) or self._read[1]

    @property
    def digest(self) -> str:
        """The digest of pixels and labels as they were read, 32 hex digits."""
        return self._facts.digest

    @property
    def counts(self) -> DataCounts:
        """The numbers of classes and images."""
        labels, own = self._facts.labels, self._facts.own_validation
        train, test = len(labels["train"]), len(labels["test"])
        names = self._parts.class_names(labels)
        held_out, by_class = own or round(train / 10), count_by_class(labels["train"], names, own)
        return DataCounts(len(names), train, test, held_out, own, self._parts.flips, by_class)

    @property
    def notes(self) -> list[str]:
        """Sentences on parts and sizes."""
        notes, side = list(self._parts.notes), self._request.image_size
        if self._parts.test is None:
            notes.append("there is no test part: every fifth picture of each class is for the test")
        notes.append(f"pictures become {side}×{side} pixels by the rule {self._request.resize!r}")
        labels = self._facts.labels
        unequal = unequal_notes(labels["train"], self._parts.class_names(labels))
        return notes + unequal + self._facts.repeats

    @cached_property
    def dataset(self) -> Dataset:
        """The pictures, in memory where they fit.

        Raises:
            DatasetError: where they have changed since they were first read.
        """
        arrays, facts = self._read
        if facts.digest != self.digest:
            raise DatasetError(
                f"{self._request.dataset}: its pictures are others than when they were looked at "
                f"(digest {self.digest[:8]}, now {facts.digest[:8]}): nothing about them may be "
                "drawn at random; where a file was changed, the same command reads all again"
            )
        labels = {name: np.array(one, np.int64) for name, one in facts.labels.items()}
        statistics = facts.statistics
        return make_dataset(
            self._request.dataset,
            self._parts.class_names(facts.labels),
            (arrays["train"], labels["train"]),
            (arrays["test"], labels["test"]),
            flips=self._parts.flips,
            validation_images=self.counts.held_out,
            own_validation=facts.own_validation,
            statistics=PixelStatistics(
                tuple(statistics["mean"]), tuple(statistics["std"]), statistics["checksum"]
            ),
            notes=self.notes,
            reopen=None if self._fits else self._reopen,
        )

    @cached_property
    def _read(self) -> tuple[pixel_cache.Arrays, PartFacts]:
        """Reads every picture, into memory or a mapped file, which is not read again."""
        side = self._request.image_size
        if self._fits:
            arrays = pixel_cache.new_arrays(self._layout.counts, side)
            facts = self._fill(arrays)
            store_answer(self._file, json.dumps(facts))
        else:
            arrays, facts = pixel_cache.map_arrays(
                self._key, lambda: self._layout.counts, side, self._fill
            )
        return arrays, PartFacts(**facts)

    @cached_property
    def _layout(self) -> Layout:
        return lay_out(self._parts, self._request)

    def _known(self) -> PartFacts | None:
        kept = stored_answer(self._file)
        return PartFacts(**json.loads(kept)) if kept else None

    @property
    def _file(self) -> Path:
        return user_cache() / "parts" / f"{self._key}-{FORMAT}.json"

    def _fill(self, arrays: pixel_cache.Arrays) -> dict[str, Any]:
        """Writes the pixels of every picture; returns the values of ``PartFacts``."""
        layout, side, resize = self._layout, self._request.image_size, self._request.resize
        labels = {name: np.empty(count, np.int64) for name, count in layout.counts.items()}
        digests = []
        pictures: list[tuple[bytes, str, int]] = []
        for name, part in self._parts.given.items():
            to, rows = layout.places[name]

            def place(number: int, to: Any = to, rows: Any = rows) -> np.ndarray:
                return arrays[to[number]][rows[number], ..., :3]

            read = read_labelled(part, name, place, side=side, resize=resize)
            for array, own in labels.items():
                own[rows[to == array]] = read.labels[to == array]
            digests.append((name, read.digest))
            # some of the train part may be test pictures
            own_parts = to if name == "train" else [name] * len(to)
            pictures += zip(read.pictures, map(str, own_parts), read.labels.tolist(), strict=True)
        self._check(labels)
        parts = [(arrays[name], labels[name]) for name in ("train", "test")]
        facts = PartFacts(
            digest=blake2b(repr(digests).encode(), digest_size=16).hexdigest(),
            labels={name: tensor.tolist() for name, tensor in labels.items()},
            own_validation=layout.own_validation,
            statistics=asdict(pixel_statistics(*parts)),
            repeats=repeat_notes(pictures),
        )
        return asdict(facts)

    def _check(self, labels: dict[str, np.ndarray]) -> None:
        train, own = labels["train"], self._layout.own_validation
        parts = {"train": train[: len(train) - own]}
        if self._parts.validation is not None:
            parts["val"] = train[len(train) - own :]
        check_labels({**parts, "test": labels["test"]}, self._parts.class_names(labels))

    def _digest_of_pictures(self) -> str:
        """The digest of parts that cannot be pickled: reads every picture."""
        read = [
            (name, read_labels(part, name, self._request)[1])
            for name, part in self._parts.given.items()
        ]
        return blake2b(repr(read).encode(), digest_size=16).hexdigest()
