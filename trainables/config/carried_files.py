"""Files that trials start from, sent to other machines: compressed networks and weights."""

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
from trainables.config.torch_process import TorchProcessError, run_torch_command
from trainables.config.train_config import TrainConfig

if TYPE_CHECKING:
    import numpy as np

Content = Mapping[str, "np.ndarray"]
"""The bytes of each file of a folder, by its name; of a single file under the name ""."""


def read_starts(configs: Iterable[TrainConfig]) -> dict[str, Content]:
    """The files of every ``init`` and ``weights``, by path; a library's weights by their digest.

    They are arrays, which Ray's object store shares among a node's workers without copying.
    """
    configs = list(configs)
    names = {name for config in configs for name in _names(config)}
    contents = {name: _content(Path(name)) for name in sorted(names) if Path(name).exists()}
    return contents | _pretrained({config.weights: config for config in configs if config.weights})


def pretrained_path(digest: str) -> Path:
    """The name under which a library's weights are sent; ``local_path`` tells where they are."""
    return Path(f"{PRETRAINED}-{digest}.safetensors")


def register_starts(starts: Mapping[str, Content]) -> None:
    """Registers files that came from another machine, for ``local_path``."""
    _received.update(starts)


def local_path(path: Path) -> Path:
    """Where a file or folder is on this machine: at its path, or as a copy of what was sent.

    The reader must compare its digest with that of the trial.
    """
    content = _received.get(str(path))
    if content is None or path.exists():
        return path
    if str(path) not in _copies:
        folder = Path(tempfile.mkdtemp(prefix="ranktune-start-"))
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        copy = folder / path.name
        for name, values in content.items():
            file = copy / name if name else copy
            file.parent.mkdir(exist_ok=True)
            file.write_bytes(values.data)
        _copies[str(path)] = copy
    return _copies[str(path)]


_received: dict[str, Content] = {}
_copies: dict[str, Path] = {}


def _names(config: TrainConfig) -> Iterable[str]:
    if config.init:
        yield str(split_init(config.init)[0])
    name = split_weights(config.weights)[0] if config.weights else PRETRAINED
    if name != PRETRAINED:
        yield name


def _pretrained(configs: Mapping[str, TrainConfig]) -> dict[str, Content]:
    """A library's weights as this machine has them, since nodes may be unable to download them.

    Weights that are not available here must be in each node's own cache.

    Args:
        configs: one for each value of ``weights``.
    """
    contents = {}
    for weights, config in configs.items():
        name, digest = split_weights(weights)
        if name != PRETRAINED or digest is None:
            continue
        plain = config.network.rpartition("#")[0]
        arguments = ["weights", plain, f"--image-size={config.image_size}"]
        arguments.append(f"--classes={config.classes}")
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "weights.safetensors"
            try:
                run_torch_command([*arguments, "--save", str(path)], f"reading weights of {plain}")
                contents[str(pretrained_path(digest))] = _content(path)
            except TorchProcessError as problem:
                text = "%s; every node needs them in a cache of its own"
                logging.getLogger("ranktune").info(text, problem)
    return contents


def _content(path: Path) -> Content:
    import numpy as np  # few configurations carry files

    files = [path] if path.is_file() else [file for file in path.iterdir() if file.is_file()]
    return {
        "" if file == path else file.name: np.fromfile(file, np.uint8) for file in sorted(files)
    }
