"""Tables of layers, found by a network's name or by their digest. Standard library only.

A table is made once, by a process that imports torch, and then lies among the user's caches: what
plans and reads a study needs no torch. It travels with the study, with every checkpoint and to
every worker (``remember_tables``), so that these need neither the cache nor a network's own file.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable
from pathlib import Path

from trainables.config.torch_process import (
    TorchProcessError,
    answer_file,
    ask,
    keep_answer,
    kept_answer,
)
from trainables.files.user_cache import user_cache
from trainables.sizes.layer_table import LayerTable
from trainables.sizes.read_files import changed_files, changed_texts
from trainables.sizes.resnet9 import RESNET9

_RESOLVED = re.compile(r"(?P<name>.+)#(?P<digest>[0-9a-f]{16})")

FORMAT = 2
"""Of what is kept; raised where tables hold more than before, so that they are made anew."""

TRACED_FOR = ("classes", "image_size")
"""Keys that a network's table depends on, beside its name."""


class TableError(TorchProcessError):
    """A network of which no table can be made; ``problems`` lists why."""


def split_network(network: str) -> tuple[str, str | None]:
    """The name of a value of the key ``network``, and its digest, None where it has none yet."""
    found = _RESOLVED.fullmatch(network)
    return (found["name"], found["digest"]) if found else (network, None)


def resolve_network(network: str, *, image_size: int, classes: int) -> str:
    """The value of the key ``network`` with the digest of its table: ``name#digest``.

    ResNet-9 has none: its key ``width`` makes its table.

    Raises:
        TableError: where there is no such network, or it cannot be used.
    """
    name, digest = split_network(network)
    if name == RESNET9 or digest is not None:
        return network
    return f"{name}#{_find(name, image_size, classes).digest}"


def load_table(network: str, *, image_size: int, classes: int) -> LayerTable | None:
    """The table of a resolved network; None for ResNet-9.

    Raises:
        TableError: where it is not at hand, and making it anew gives another one.
    """
    name, digest = split_network(network)
    if digest is None:
        return None
    table = _load(name, digest, image_size, classes)
    asked, has = (classes, image_size), (table.classes, table.image[-1])
    if asked != has:
        raise TableError(
            [
                f"network {name}#{digest} is of {has[0]} classes and images of {has[1]} pixels, "
                f"got {asked[0]} and {asked[1]}; give its name without the digest"
            ]
        )
    return table


def remember_tables(texts: Iterable[str]) -> None:
    """Takes tables that came from elsewhere, as ``LayerTable.to_json`` wrote them.

    A table is found by what it holds: one that was changed on its way is not the one that is asked
    for.

    Raises:
        TableError: for a text that is no table.
    """
    for text in texts:
        try:
            table = LayerTable.from_json(text)
        except ValueError as problem:
            raise TableError([f"a network's table cannot be read: {problem}"]) from problem
        _remembered[table.digest] = table


_remembered: dict[str, LayerTable] = {}
_refused: dict[Path, list[str]] = {}


@functools.lru_cache(maxsize=64)
def _load(name: str, digest: str, image_size: int, classes: int) -> LayerTable:
    if digest in _remembered:
        return _remembered[digest]
    stored = _read(_stored(digest))
    if stored is not None and stored.digest == digest:
        return stored
    table = _find(name, image_size, classes)
    if table.digest != digest:
        raise TableError(
            [
                f"network {name} is another one now: its table was {digest}, it is {table.digest}; "
                "bring back its file or its library's version, or plan a new study"
            ]
        )
    return table


@functools.lru_cache(maxsize=64)
def _find(name: str, image_size: int, classes: int) -> LayerTable:
    """From the cache where nothing that decides it has changed, else made anew."""
    link = _link(name, image_size, classes)
    table = _read(link)
    if table is not None and not _has_changed(table):
        return table
    if link in _refused:  # each point of a grid would ask again, for seconds
        raise TableError(_refused[link])
    try:
        table = _make(name, image_size, classes)
    except TableError as problem:
        _refused[link] = problem.problems
        raise
    for path in (link, _stored(table.digest)):
        keep_answer(path, table.to_json())
    return table


def _has_changed(table: LayerTable) -> bool:
    """Whether a file of its own holds something else than when it was traced."""
    texts = changed_texts(table.sources, Path(table.folder)) if table.folder else []
    return bool(texts or changed_files(table.sources))


def _make(name: str, image_size: int, classes: int) -> LayerTable:
    """By a process of its own."""
    sizes = ["--image-size", str(image_size), "--classes", str(classes)]
    try:
        text = ask(["layers", name, "--json", *sizes], f"looking at the layers of {name}")
    except TorchProcessError as problem:
        raise TableError(problem.problems) from problem
    try:
        return LayerTable.from_json(text)
    except ValueError as problem:
        raise TableError([f"network {name}: {problem}"]) from problem


def _link(name: str, image_size: int, classes: int) -> Path:
    """Named by all that can change a table: the name, the file's text, libraries, what is asked."""
    path, colon, _ = name.partition(".py:")
    file = Path(f"{path}.py").expanduser()
    text = file.read_text(encoding="utf-8") if colon and file.is_file() else ""
    return answer_file("tables", FORMAT, name, str(file.absolute()), text, image_size, classes)


def _stored(digest: str) -> Path:
    return user_cache() / "tables" / f"{digest}.json"


def _read(path: Path) -> LayerTable | None:
    """A stored table; None where there is none that can be read: it is made again."""
    text = kept_answer(path)
    try:
        return None if text is None else LayerTable.from_json(text)
    except ValueError:
        return None
