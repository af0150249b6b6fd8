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
from trainables.text.call import read_call, without_defaults, write_call
from trainables.text.suggestion import did_you_mean

# torchvision takes three seconds to import, and is imported where a data set of its is asked for
if TYPE_CHECKING:
    from trainables.data.dataset import Dataset
    from trainables.data.reading.parts import Parts
    from trainables.data.reading.read_parts import ReadParts

PREFIX = "torchvision:"
TRAIN = ("train", "trainval", "train-standard")
VALIDATION = ("val", "valid")
TEST = ("test",)
NEVER_MIRRORED = frozenset(
    {
        "EMNIST",
        "GTSRB",
        "KMNIST",
        "MNIST",
        "Omniglot",
        "QMNIST",
        "RenderedSST2",
        "SEMEION",
        "SVHN",
        "USPS",
    }
)
"""Digits, letters and signs, whose mirror images mean something else or nothing."""

CLASSES = ("classes", "categories", "all_categories")
"""Where a data set of torchvision keeps the names of its classes."""

OURS = {
    "root": "--data-dir names it",
    "download": "it is downloaded where --data-dir is absent",
    "train": "both parts are read",
    "transform": "the keys resize, crop and flip say how images are prepared",
}
"""Arguments whose values RankTune sets."""


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


def _open(text: str, request: DataRequest) -> tuple[Parts, Path]:
    """Opens the parts; also returns the folder that they are read from."""
    from torchvision import datasets

    from trainables.data.reading.parts import Parts

    try:
        name, arguments = read_call(text, "split='balanced'")
    except ValueError as problem:
        raise DatasetError(f"a data set's {problem}") from problem
    kinds = class_names()
    if name not in kinds:
        raise DatasetError(f"torchvision.datasets has no {name!r}{did_you_mean(name, kinds)}")
    kind = getattr(datasets, name)
    root = existing_dir(request.data_dir) if request.data_dir else _download_dir(request)
    opener = _Opener(kind, arguments, root, may_download=request.data_dir is None)
    train, validation, test, notes = opener.parts()
    parts = Parts(
        train,
        test,
        validation,
        classes=_labels_of(train),
        flips=name not in NEVER_MIRRORED,
        notes=notes,
    )
    return parts, root


def _spelled(dataset: str) -> str:
    """The arguments in the order of their names, without those that are the class's defaults."""
    from torchvision import datasets

    try:
        name, arguments = read_call(dataset.removeprefix(PREFIX), "split='balanced'")
    except ValueError:
        return dataset  # told where it is opened
    parameters = _parameters(getattr(datasets, name)) if name in class_names() else {}
    # a part that is named is the only one, so that no part is left to a default
    defaults = {key: one.default for key, one in parameters.items() if key not in ("split", *OURS)}
    return PREFIX + write_call(name, without_defaults(arguments, defaults))


def class_names() -> list[str]:
    """The data sets of torchvision, by the names of their classes."""
    from torchvision import datasets

    return [name for name in datasets.__all__ if inspect.isclass(getattr(datasets, name))]


def _labels_of(part: Any) -> tuple[str, ...]:
    names = next((getattr(part, name) for name in CLASSES if getattr(part, name, None)), ())
    return tuple(map(str, names)) if isinstance(names, (list, tuple)) else ()


def _download_dir(request: DataRequest) -> Path:
    return request.download.expanduser() if request.download else default_data_dir()


class _Opener:
    """Makes the parts of a torchvision data set, by whichever argument its class has for them."""

    def __init__(
        self, kind: Any, arguments: dict[str, Any], root: Path, *, may_download: bool
    ) -> None:
        """Raises DatasetError for arguments that are unknown, missing, or set by RankTune."""
        self._kind, self._arguments, self._root = kind, arguments, root
        self._may_download = may_download
        self._parameters = _parameters(kind)
        self._check()

    def parts(self) -> tuple[Any, Any, Any, tuple[str, ...]]:
        """Train, validation or None, test or None, and sentences for the outputs."""
        if self._chooses("split"):
            return self._splits(*map(self._first, (TRAIN, VALIDATION, TEST)))
        if self._chooses("train"):
            return self._make(train=True), None, self._make(train=False), ()
        return self._make(), None, None, ()

    def _splits(
        self, train: Any, validation: Any, test: Any
    ) -> tuple[Any, Any, Any, tuple[str, ...]]:
        if train is None:
            raise DatasetError(f"{self._name} has no part named train{self._advice}")
        notes = []
        if test is not None and _has_no_labels(test):
            test = None
            notes.append("the part named test has no labels, and is not used")
        if test is None and validation is not None:
            validation, test = None, validation
            notes.append("there is no part named test: the validation part is the test set")
        return train, validation, test, tuple(notes)

    def _check(self) -> None:
        unknown = [name for name in self._arguments if name not in self._parameters]
        problems = [
            f"{self._kind.__name__} has no {name!r}{did_you_mean(name, self._parameters)}"
            for name in unknown
        ]
        problems += [
            f"{name} cannot be given: {why}"
            for name, why in OURS.items()
            if name in self._arguments
        ]
        missing = [
            name
            for name, parameter in self._parameters.items()
            if parameter.default is parameter.empty
            and name not in ("root", "split", *self._arguments)
        ]
        if missing:
            example = ", ".join(f"{name}=…" for name in missing)
            problems.append(f"it needs {', '.join(missing)}: {self._name}({example})")
        if problems:
            raise DatasetError("; ".join(problems))

    @property
    def _name(self) -> str:
        return f"{PREFIX}{self._kind.__name__}"

    @property
    def _advice(self) -> str:
        return f"; choose one with {self._name}(split='…')"

    def _chooses(self, parameter: str) -> bool:
        """Whether RankTune sets the argument, rather than the user."""
        return parameter in self._parameters and parameter not in self._arguments

    def _first(self, names: tuple[str, ...]) -> Any:
        """The part with the first of these names that the data set has; None where it has none."""
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
        if isinstance(problem, ImportError) or "pip install" in str(problem):
            raise DatasetError(f"{self._name} needs a package: {problem}") from problem
        if isinstance(problem, (TypeError, ValueError)) and self._arguments:
            raise DatasetError(
                f"{self._name} does not take {self._arguments}: {problem}"
            ) from problem
        where = f"{self._name} is not under {self._root}"
        advice = (
            "name a folder that holds it with --data-dir"
            if self._may_download
            else "leave --data-dir out to have it downloaded, or name the folder that holds it"
        )
        raise DatasetError(f"{where}: {problem}; {advice}") from problem

    def _try(self, part: dict[str, Any], *, download: bool) -> Any:
        """The data set, or the error that prevented it."""
        given = {"root": self._root, "download": download}
        known = {name: value for name, value in given.items() if name in self._parameters}
        try:
            return self._kind(**known, **self._arguments, **part)
        except Exception as problem:  # of a library and of files: it may be any
            return problem


def _parameters(kind: type) -> dict[str, inspect.Parameter]:
    """The parameters of its constructor and of those of its bases."""
    found: dict[str, inspect.Parameter] = {}
    for base in kind.__mro__[:-1]:
        if "__init__" not in vars(base):
            continue
        own = inspect.signature(vars(base)["__init__"]).parameters
        found = {**own, **found}
        if not any(each.kind is each.VAR_KEYWORD for each in own.values()):
            break
    kinds = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
    return {
        name: parameter
        for name, parameter in found.items()
        if name != "self" and parameter.kind not in kinds
    }


def _has_no_labels(part: Any) -> bool:
    """Whether a part has no label for its first picture, as the test parts of competitions."""
    try:
        return part[0][1] is None
    except Exception:  # whatever it is, reading every picture tells it
        return False


class _NoSuchPart(ValueError):  # noqa: N818 (an answer)
    """The data set has no part of that name."""


TORCHVISION = DataSource(
    name="torchvision:NAME",
    help="a data set of torchvision, such as torchvision:CIFAR100",
    count=lambda request: read_torchvision(request).counts,
    load=_load,
    spelled=_spelled,
    digest=lambda request: read_torchvision(request).digest,
    notes=lambda request: read_torchvision(request).notes,
    reads=frozenset({"data_dir", "download"}),
)
