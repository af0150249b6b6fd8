"""What trials start from, brought to machines that lack it: compressed networks and weights."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from trainables.config.starting_point import split_init
from trainables.config.starting_weights import PRETRAINED, split_weights
from trainables.config.train_config import TrainConfig

if TYPE_CHECKING:
    import numpy as np

Content = Mapping[str, "np.ndarray"]
"""Bytes by a file's name in its folder; "" where the path is a file itself."""


def read_starts(configs: Iterable[TrainConfig]) -> dict[str, Content]:
    """The files of every ``init`` and ``weights``, by path.

    Arrays, since Ray's object store hands these to a node's workers without a copy of each.
    """
    names = {name for one in configs for name in _names(one)}
    return {name: _content(Path(name)) for name in sorted(names) if Path(name).exists()}


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


def _content(path: Path) -> Content:
    import numpy as np  # few configurations carry files

    files = [path] if path.is_file() else [one for one in path.iterdir() if one.is_file()]
    return {
        "" if file == path else file.name: np.fromfile(file, np.uint8) for file in sorted(files)
    }
