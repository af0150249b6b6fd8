"""Tables of layers, found by a network's name or by their digest. Standard library only.

A process that imports torch makes a table once and stores it in the user's cache, so that planning
and reading a study need no torch. The study, every checkpoint and every worker hold the tables too
(``register_tables``), so that they need neither the cache nor the network's own file.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import re
from collections.abc import Iterable
from pathlib import Path

from trainables.architectures.layer_table import LayerTable
from trainables.architectures.network_spelling import is_rewritten
from trainables.architectures.read_files import changed_files, changed_texts, moved
from trainables.architectures.resnet9 import RESNET9
from trainables.config.torch_process import (
    TorchProcessError,
    answer_file,
    run_torch_command,
    store_answer,
    stored_answer,
)
from trainables.files.one_place import seen_from_here
from trainables.files.user_cache import user_cache
from trainables.text.call import called_name

_RESOLVED = re.compile(r"(?P<name>.+)#(?P<digest>[0-9a-f]{16})")

FORMAT = 4
"""Version of the cached tables; raised when they hold more than before, so that they are remade."""

TRACED_FOR = ("classes", "image_size")
"""Keys that a network's table depends on, besides its name."""


class TableError(TorchProcessError):
    """No table can be made of the network; ``problems`` lists the reasons."""


def split_network(network: str) -> tuple[str, str | None]:
    """The name and the digest in a value of the key ``network``; None if it has no digest yet."""
    match = _RESOLVED.fullmatch(network)
    return (match["name"], match["digest"]) if match else (network, None)


def resolve_network(network: str, *, image_size: int, classes: int) -> str:
    """The value of the key ``network`` with the digest of its table: ``name#digest``.

    ResNet-9 has no digest: its key ``width`` decides its layers.

    Raises:
        TableError: where there is no such network, or it cannot be used.
    """
    name, digest = split_network(network)
    if name == RESNET9 or digest is not None:
        return network
    table = _find(name, image_size, classes)
    return f"{_seen_from_here(table)}#{table.digest}"


def _seen_from_here(table: LayerTable) -> str:
    """The name of a table's network, its file as seen from the present folder."""
    name = called_name(table.network)
    path, colon, function = name.rpartition(":")
    if not table.folder:
        return table.network
    place = seen_from_here(Path(table.folder, Path(path).name))
    return f"{place}{colon}{function}{table.network.removeprefix(name)}"


def network_as_begun(network: str, begun: Iterable[str], *, image_size: int, classes: int) -> str:
    """A resolved network in the spelling that a study began with, where it has that network.

    Args:
        network: ``name#digest``.
        begun: the resolved networks on record.
        image_size: of the images, in pixels.
        classes: number of classes.
    """
    digests = {split_network(known)[1]: known for known in begun}
    table = load_table(network, image_size=image_size, classes=classes)
    if table is None:
        return network
    if table.digest in digests:
        return digests[table.digest]
    for known in begun:
        with contextlib.suppress(TableError):  # its table is lost, and its file has changed
            former = load_table(known, image_size=image_size, classes=classes)
            if former is not None and is_rewritten(table, former):
                return known
    return network


def load_table(network: str, *, image_size: int, classes: int) -> LayerTable | None:
    """The table of a resolved network; None for ResNet-9.

    Raises:
        TableError: where the table is not available, and making it again gives another one.
    """
    name, digest = split_network(network)
    if digest is None:
        return None
    table = _load(name, digest, image_size, classes)
    expected, actual = (classes, image_size), (table.classes, table.image[-1])
    if expected != actual:
        raise TableError(
            [
                f"network {name}#{digest} has {actual[0]} classes and takes images of {actual[1]} "
                f"pixels, got {expected[0]} and {expected[1]}; give its name without the digest"
            ]
        )
    return table


def register_tables(texts: Iterable[str]) -> None:
    """Registers tables from a study, a checkpoint or the driver, in the form of ``to_json``.

    A table is looked up by the digest of its content, so that a modified table is not found.

    Raises:
        TableError: for a text that is not a table.
    """
    for text in texts:
        try:
            table = LayerTable.from_json(text)
        except ValueError as problem:
            raise TableError([f"a network's table cannot be read: {problem}"]) from problem
        _registered[table.digest] = table


_registered: dict[str, LayerTable] = {}
_refused: dict[Path, list[str]] = {}


@functools.lru_cache(maxsize=64)
def _load(name: str, digest: str, image_size: int, classes: int) -> LayerTable:
    known = _registered.get(digest) or _read(_stored(digest))
    if known is not None and known.digest == digest:
        return _placed(known, name)
    table = _find(name, image_size, classes)
    if table.digest != digest:
        raise TableError(
            [
                f"network {name} has changed: the digest of its table was {digest}, now "
                f"{table.digest}; restore its file or its library's version, or start a new study"
            ]
        )
    return table


def _find(name: str, image_size: int, classes: int) -> LayerTable:
    """The table from the cache, or made again if anything that it depends on has changed."""
    return _find_file(name, _file(name), image_size, classes)


@functools.lru_cache(maxsize=64)
def _find_file(name: str, file: Path | None, image_size: int, classes: int) -> LayerTable:
    link = _link(name, file, image_size, classes)
    table = _read(link)
    if table is not None and not _has_changed(table):
        return table
    if link in _refused:  # each point of a grid would otherwise take seconds to refuse
        raise TableError(_refused[link])
    try:
        table = _make(name, image_size, classes)
    except TableError as problem:
        _refused[link] = problem.problems
        raise
    for path in (link, _stored(table.digest)):
        store_answer(path, table.to_json())
    return table


def _placed(table: LayerTable, name: str) -> LayerTable:
    """The table with the files that the name means here, where those hold the same.

    It may have been made of a copy of them, which was changed or removed since.
    """
    file = _file(name)
    if not table.folder or file is None or (folder := str(file.parent)) == table.folder:
        return table
    here = dataclasses.replace(
        table, network=name, folder=folder, sources=moved(table.sources, file.parent)
    )
    return table if _has_changed(here) else here


def _has_changed(table: LayerTable) -> bool:
    """Whether one of the network's own files has changed since it was traced."""
    texts = changed_texts(table.sources, Path(table.folder)) if table.folder else []
    return bool(texts or changed_files(table.sources))


def _make(name: str, image_size: int, classes: int) -> LayerTable:
    """Makes the table in a process that imports torch."""
    sizes = ["--image-size", str(image_size), "--classes", str(classes)]
    try:
        text = run_torch_command(
            ["layers", name, "--json", *sizes], f"looking at the layers of {name}"
        )
    except TorchProcessError as problem:
        raise TableError(problem.problems) from problem
    try:
        return LayerTable.from_json(text)
    except ValueError as problem:
        raise TableError([f"network {name}: {problem}"]) from problem


def _link(name: str, file: Path | None, image_size: int, classes: int) -> Path:
    """The cache file, named by all that a table depends on: name, file, libraries and sizes."""
    text = file.read_text(encoding="utf-8") if file is not None and file.is_file() else ""
    return answer_file("tables", FORMAT, name, str(file), text, image_size, classes)


def _file(name: str) -> Path | None:
    """The file that a network's name means in the present folder; None for a library's network."""
    path, colon, _ = name.partition(".py:")
    return Path(f"{path}.py").expanduser().absolute() if colon else None


def _stored(digest: str) -> Path:
    return user_cache() / "tables" / f"{digest}.json"


def _read(path: Path) -> LayerTable | None:
    """A stored table; None where there is none, or it cannot be read: it is then made again."""
    text = stored_answer(path)
    try:
        return None if text is None else LayerTable.from_json(text)
    except ValueError:
        return None
