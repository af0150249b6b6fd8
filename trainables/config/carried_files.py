"""What trials start from, brought to machines that lack it: compressed networks and weights."""

from __future__ import annotations

import atexit
import logging
import shutil
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from trainables.config.starting_point import split_init
from trainables.config.starting_weights import PRETRAINED, split_weights
from trainables.config.torch_process import TorchProcessError, ask
from trainables.config.train_config import TrainConfig

if TYPE_CHECKING:
    import numpy as np

Content = Mapping[str, "np.ndarray"]
"""Bytes by a file's name in its folder; "" where the path is a file itself."""


def read_starts(configs: Iterable[TrainConfig]) -> dict[str, Content]:
    """The files of every ``init`` and ``weights``, by path; a library's weights by their digest.

    Arrays, since Ray's object store hands these to a node's workers without a copy of each.
    """
    configs = list(configs)
    names = {name for one in configs for name in _names(one)}
    found = {name: _content(Path(name)) for name in sorted(names) if Path(name).exists()}
    return found | _pretrained({one.weights: one for one in configs if one.weights})


def pretrained_path(digest: str) -> Path:
    """Under which a library's weights travel; ``here`` says where they lie."""
    return Path(f"{PRETRAINED}-{digest}.safetensors")


def remember_starts(starts: Mapping[str, Content]) -> None:
    """Takes files that came from another machine."""
    _remembered.update(starts)


def here(path: Path) -> Path:
    """Where a file or folder lies on this machine: under its path, else a copy of what came.

    Whoever reads it compares its digest with the one that the trial was named after.
    """
    content = _remembered.get(str(path))
    if content is None or path.exists():
        return path
    if str(path) not in _written:
        folder = Path(tempfile.mkdtemp(prefix="ranktune-start-"))
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        copy = folder / path.name
        for name, values in content.items():
            file = copy / name if name else copy
            file.parent.mkdir(exist_ok=True)
            file.write_bytes(values.data)
        _written[str(path)] = copy
    return _written[str(path)]


_remembered: dict[str, Content] = {}
_written: dict[str, Path] = {}


def _names(config: TrainConfig) -> Iterable[str]:
    if config.init:
        yield str(split_init(config.init)[0])
    name = split_weights(config.weights)[0] if config.weights else PRETRAINED
    if name != PRETRAINED:
        yield name


def _pretrained(configs: Mapping[str, TrainConfig]) -> dict[str, Content]:
    """A library's weights, as this machine has them: a node may reach no other.

    What cannot be had here is left to the nodes' own caches.

    Args:
        configs: one for each value of ``weights``.
    """
    found = {}
    for weights, config in configs.items():
        name, digest = split_weights(weights)
        if name != PRETRAINED or digest is None:
            continue
        plain = config.network.rpartition("#")[0]
        words = ["weights", plain, f"--image-size={config.image_size}"]
        words.append(f"--classes={config.classes}")
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "weights.safetensors"
            try:
                ask([*words, "--save", str(path)], f"reading weights of {plain}")
                found[str(pretrained_path(digest))] = _content(path)
            except TorchProcessError as problem:
                text = "%s; every node needs them in a cache of its own"
                logging.getLogger("ranktune").info(text, problem)
    return found


def _content(path: Path) -> Content:
    import numpy as np  # few configurations carry files

    files = [path] if path.is_file() else [one for one in path.iterdir() if one.is_file()]
    return {
        "" if file == path else file.name: np.fromfile(file, np.uint8) for file in sorted(files)
    }
