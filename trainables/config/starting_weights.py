"""Trained weights that training starts from, and the normalisation they expect. Standard library.

The key ``weights`` names a file or "pretrained". When it is resolved, the digest of the tensors is
appended: ``/home/me/net.pth#digest``. The process that reads them also checks whether they fit.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from trainables.config.starting_point import split_init
from trainables.config.torch_process import (
    TorchProcessError,
    answer_file,
    run_torch_command,
    store_answer,
    stored_answer,
)
from trainables.files.file_state import FileState, file_state, is_unchanged
from trainables.files.user_cache import home

PRETRAINED = "pretrained"

CACHE_VARIABLES = (
    "HF_HOME",
    "HF_HUB_CACHE",
    "HUGGINGFACE_HUB_CACHE",
    "XDG_CACHE_HOME",
    "TORCH_HOME",
)
"""Environment variables that say where libraries keep weights."""

FORMAT = 3
"""Version of the cached answers; raised when they hold more than before."""

DATA = "data"
"""The value of ``normalization`` for the data set's own, whatever the weights expect."""

IMAGENET = "0.485 0.456 0.406/0.229 0.224 0.225"
"""The normalisation that torchvision's weights expect."""

Channels = tuple[float, float, float]
Normalization = tuple[Channels, Channels]
"""Mean and standard deviation of red, green, blue, as shares of 255."""


@dataclass(frozen=True, slots=True)
class StartingWeights:
    """Weights that were read and compared with a network.

    Attributes:
        digest: of names, shapes and values of the tensors, 32 hexadecimal digits.
        tensors: number of tensors that the network takes over.
        fresh: layers that are initialised at random, since their number of classes differs.
        normalization: what the weights expect, in the form of the key; "" where it is unknown.
        files: those that were read, each with its state.
    """

    digest: str
    tensors: int
    fresh: tuple[str, ...] = ()
    normalization: str = ""
    files: tuple[tuple[str, FileState], ...] = ()

    def to_json(self) -> str:
        """One line; ``from_json`` reads it."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> StartingWeights:
        """Reads what ``to_json`` wrote; raises ValueError for anything else."""
        try:
            document = json.loads(text)
            files = tuple((path, tuple(state)) for path, state in document.pop("files", ()))
            return cls(**{**document, "fresh": tuple(document["fresh"]), "files": files})
        except (KeyError, TypeError) as problem:
            raise ValueError(f"no starting weights: {problem}") from problem


def split_weights(weights: str) -> tuple[str, str | None]:
    """A file's name or "pretrained", and the digest; None where it is not resolved yet."""
    name, digest = split_init(weights)
    return str(name), digest


def resolve_weights(
    weights: str, network: str, *, image_size: int, classes: int
) -> tuple[str, StartingWeights]:
    """The value of the key ``weights`` with its digest, and the description of the weights.

    Args:
        weights: a file's name or "pretrained".
        network: the resolved value of the key ``network``.
        image_size: side of the images, in pixels.
        classes: of the network.

    Raises:
        TorchProcessError: where there are no such weights, or they do not fit; names the tensors.
    """
    name = weights if weights == PRETRAINED else str(Path(weights).expanduser().absolute())
    starting = _find(name, network, image_size, classes, _state(name))
    return f"{name}#{starting.digest}", starting


def _find(
    name: str, network: str, image_size: int, classes: int, state: tuple[object, ...]
) -> StartingWeights:
    """The description from the cache, or read again if anything that it depends on has changed."""
    path = answer_file("weights", FORMAT, name, network, image_size, classes, state)
    starting = _known.get(path) or _read(path)
    if starting is None or not all(
        is_unchanged(file, recorded) for file, recorded in starting.files
    ):
        if path in _refused:  # each point of a grid would otherwise take seconds to refuse
            raise TorchProcessError(_refused[path])
        plain = network.rpartition("#")[0]
        sizes = ["--image-size", str(image_size), "--classes", str(classes)]
        try:
            text = run_torch_command(
                ["weights", plain, name, "--json", *sizes], f"looking at weights of {plain}"
            )
        except TorchProcessError as problem:
            _refused[path] = problem.problems
            raise
        store_answer(path, text)
        starting = StartingWeights.from_json(text)
    _known[path] = starting
    return starting


_known: dict[Path, StartingWeights] = {}
"""A cache of this process, since every point of a plan needs it."""

_refused: dict[Path, list[str]] = {}
"""What was wrong with weights that cannot be used, likewise."""


def _read(path: Path) -> StartingWeights | None:
    text = stored_answer(path)
    return StartingWeights.from_json(text) if text else None


def _state(name: str) -> tuple[object, ...]:
    """The settings that decide which files are read, and the state of the files in question."""
    if name != PRETRAINED:
        path = Path(name)
        return (file_state(path),) if path.is_file() else ()
    folder = torch_home() / "hub" / "checkpoints"
    files = sorted(folder.iterdir()) if folder.is_dir() else []
    variables = tuple(os.environ.get(variable) for variable in CACHE_VARIABLES)
    return (*variables, *((str(path), file_state(path)) for path in files if path.is_file()))


def torch_home() -> Path:
    """The folder of torch's downloads, by the rule that torch documents."""
    if configured := os.environ.get("TORCH_HOME"):
        return Path(configured).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or home() / ".cache").expanduser() / "torch"


def read_normalization(text: str) -> Normalization | None:
    """Mean and standard deviation; None for the data set's own.

    Args:
        text: "", "data", "imagenet", or six numbers, ``R G B/R G B``, separated by spaces or "+".

    Raises:
        ValueError: saying what was expected.
    """
    if text in ("", DATA):
        return None
    try:
        numbers = IMAGENET if text == "imagenet" else text
        mean, std = (_channels(part) for part in numbers.replace("+", " ").split("/"))
        if not all(0 <= value <= 1 for value in mean) or not all(0 < value <= 1 for value in std):
            raise ValueError
    except ValueError:
        raise ValueError(
            "normalization is data, imagenet, or mean and standard deviation of red, green and "
            f"blue as shares of 255, such as {IMAGENET.replace(' ', '+')}, got {text!r}"
        ) from None
    return mean, std


def write_normalization(mean: Sequence[float], std: Sequence[float]) -> str:
    """The text that ``read_normalization`` reads back."""
    return "/".join(" ".join(f"{value:.10g}" for value in part) for part in (mean, std))


def _channels(text: str) -> Channels:
    red, green, blue = map(float, text.split())
    return red, green, blue
