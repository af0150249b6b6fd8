"""Trained weights that training starts from, and the normalisation they expect. Standard library.

The key ``weights`` names a file or "pretrained"; resolved, its tensors' digest stands behind:
``/home/me/net.pth#digest``. The process that looks at them also says whether they fit.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from trainables.config.starting_point import split_init
from trainables.config.torch_process import answer_file, ask, keep_answer, kept_answer
from trainables.files.file_state import FileState, file_state, is_as_it_was
from trainables.files.user_cache import home

PRETRAINED = "pretrained"

PLACES = ("HF_HOME", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "XDG_CACHE_HOME", "TORCH_HOME")
"""Variables that say where libraries keep weights."""

FORMAT = 2
"""Of the answers that are kept; raised where they hold more than before."""

DATA = "data"
"""The value of ``normalization`` that keeps the data set's own, whatever the weights expect."""

IMAGENET = "0.485 0.456 0.406/0.229 0.224 0.225"
"""What torchvision's weights expect."""

Channels = tuple[float, float, float]
Normalization = tuple[Channels, Channels]
"""Mean and standard deviation of red, green, blue, as shares of 255."""


@dataclass(frozen=True, slots=True)
class StartingWeights:
    """What looking at the weights of a network has shown.

    digest: of names, shapes and values of the tensors, 32 hex digits.
    tensors: how many the network takes over.
    fresh: layers that are drawn anew, since the network tells apart another number of classes.
    normalization: what the weights expect, as the key of this name has it; "" where it is unknown.
    files: those that were read, and the state of each.
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
        """Raises ValueError for anything else than ``to_json`` wrote."""
        try:
            document = json.loads(text)
            files = tuple((path, tuple(state)) for path, state in document.pop("files", ()))
            return cls(**{**document, "fresh": tuple(document["fresh"]), "files": files})
        except (KeyError, TypeError) as problem:
            raise ValueError(f"no starting weights: {problem}") from problem


def split_weights(weights: str) -> tuple[str, str | None]:
    """A file's name or "pretrained", and the digest, None where it has none yet."""
    name, digest = split_init(weights)
    return str(name), digest


def resolve_weights(
    weights: str, network: str, *, image_size: int, classes: int
) -> tuple[str, StartingWeights]:
    """The value of the key ``weights`` with its digest, and what the weights are.

    Args:
        weights: a file's name or "pretrained".
        network: the resolved value of the key ``network``.
        image_size: side of the images, in pixels.
        classes: how many the network tells apart.

    Raises:
        TorchProcessError: where there are no such weights, or they do not fit; says where.
    """
    name = weights if weights == PRETRAINED else str(Path(weights).expanduser().absolute())
    found = _find(name, network, image_size, classes, _state(name))
    return f"{name}#{found.digest}", found


def _find(
    name: str, network: str, image_size: int, classes: int, state: tuple[object, ...]
) -> StartingWeights:
    """From the cache where nothing that decides it has changed, else looked at anew."""
    path = answer_file("weights", FORMAT, name, network, image_size, classes, state)
    kept = _kept.get(path) or _read(path)
    if kept is None or not all(is_as_it_was(file, before) for file, before in kept.files):
        plain = network.rpartition("#")[0]
        sizes = ["--image-size", str(image_size), "--classes", str(classes)]
        text = ask(["weights", plain, name, "--json", *sizes], f"looking at weights of {plain}")
        keep_answer(path, text)
        kept = StartingWeights.from_json(text)
    _kept[path] = kept
    return kept


_kept: dict[Path, StartingWeights] = {}
"""Of this process: every point of a plan asks."""


def _read(path: Path) -> StartingWeights | None:
    text = kept_answer(path)
    return StartingWeights.from_json(text) if text else None


def _state(name: str) -> tuple[object, ...]:
    """What tells which files the weights are read from, before they are; and how these are."""
    if name != PRETRAINED:
        path = Path(name)
        return (file_state(path),) if path.is_file() else ()
    folder = torch_home() / "hub" / "checkpoints"
    files = sorted(folder.iterdir()) if folder.is_dir() else []
    places = tuple(os.environ.get(variable) for variable in PLACES)
    return (*places, *((str(path), file_state(path)) for path in files if path.is_file()))


def torch_home() -> Path:
    """Where torch keeps what it downloads, by the rule that torch documents."""
    if named := os.environ.get("TORCH_HOME"):
        return Path(named).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or home() / ".cache").expanduser() / "torch"


def read_normalization(text: str) -> Normalization | None:
    """Mean and standard deviation; None where the data set's own are meant.

    Args:
        text: "", "data", "imagenet", or six numbers, ``R G B/R G B``, separated by spaces or "+".

    Raises:
        ValueError: saying what was expected.
    """
    if text in ("", DATA):
        return None
    try:
        written = IMAGENET if text == "imagenet" else text
        mean, std = (_channels(part) for part in written.replace("+", " ").split("/"))
        if not all(0 <= value <= 1 for value in mean) or not all(0 < value <= 1 for value in std):
            raise ValueError
    except ValueError:
        raise ValueError(
            "normalization is data, imagenet, or mean and standard deviation of red, green and "
            f"blue as shares of 255, such as {IMAGENET.replace(' ', '+')}, got {text!r}"
        ) from None
    return mean, std


def write_normalization(mean: Sequence[float], std: Sequence[float]) -> str:
    """As ``read_normalization`` reads it."""
    return "/".join(" ".join(f"{value:.10g}" for value in part) for part in (mean, std))


def _channels(text: str) -> Channels:
    red, green, blue = map(float, text.split())
    return red, green, blue
