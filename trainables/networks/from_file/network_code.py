"""Runs the code of a network's files from their texts, as the files may no longer exist.

The files become modules of a package whose name depends on their content, so that two networks in
one process may each have a ``blocks.py``.
"""

from __future__ import annotations

import builtins
import hashlib
import importlib
import linecache
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.abc import InspectLoader, MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path, PurePosixPath
from types import ModuleType
from typing import Any


@dataclass(frozen=True)
class _Module:
    """place: where its file lay. is_package: whether others are in it."""

    text: str
    place: str
    is_package: bool


def run_code(texts: Mapping[str, str], main: str, folder: Path) -> ModuleType:
    """Runs a file, again at each call, and the files beside it that it imports.

    Args:
        texts: of the files, by their names below the folder.
        main: the name of the file that is run.
        folder: where they lie, or lay: ``__file__`` of each says so.

    Raises:
        Exception: whatever the code raises.
    """
    digest = hashlib.blake2b(repr(sorted(texts.items())).encode(), digest_size=8).hexdigest()
    package = f"ranktune_network_{digest}"
    modules = _modules(texts, package, folder)
    for name in [module for module in sys.modules if module.partition(".")[0] == package]:
        del sys.modules[name]
    _FINDER.modules[package] = modules
    if _FINDER not in sys.meta_path:
        sys.meta_path.insert(0, _FINDER)
    return importlib.import_module(_name(package, main))


def _name(package: str, file: str) -> str:
    """parts/conv.py is the module parts.conv, parts/__init__.py is parts."""
    *parents, own = PurePosixPath(file).with_suffix("").parts
    inner = [] if own == "__init__" else [own.replace(".", "_")]
    return ".".join([package, *parents, *inner])


def _modules(texts: Mapping[str, str], package: str, folder: Path) -> dict[str, _Module]:
    found = {}
    for file in texts:  # folders without a file of their own are packages too
        for parent in PurePosixPath(file).parents:
            found[".".join([package, *parent.parts])] = _Module("", str(folder / parent), True)
    for file, text in texts.items():
        is_package = PurePosixPath(file).name == "__init__.py"
        found[_name(package, file)] = _Module(text, str(folder / file), is_package)
    return found


class _TextFinder(MetaPathFinder, InspectLoader):
    """Finds the modules of such packages."""

    def __init__(self) -> None:
        self.modules: dict[str, dict[str, _Module]] = {}

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        found = self.modules.get(fullname.partition(".")[0], {}).get(fullname)
        if found is None:
            return None
        spec = ModuleSpec(fullname, self, origin=found.place, is_package=found.is_package)
        spec.has_location = True
        return spec

    def get_source(self, fullname: str) -> str:
        return self.modules[fullname.partition(".")[0]][fullname].text

    def is_package(self, fullname: str) -> bool:
        return self.modules[fullname.partition(".")[0]][fullname].is_package

    def exec_module(self, module: ModuleType) -> None:
        package = module.__name__.partition(".")[0]
        code = self.modules[package][module.__name__]
        lines = code.text.splitlines(keepends=True)  # so that a traceback can show them
        linecache.cache[code.place] = (len(code.text), None, lines, code.place)
        own = {name.split(".")[1] for name in self.modules[package] if "." in name}
        importing = _importing(package, own)
        module.__dict__["__builtins__"] = {**vars(builtins), "__import__": importing}
        # with the user's own global imports
        exec(compile(code.text, code.place, "exec"), module.__dict__)


def _importing(package: str, own: set[str]) -> Callable[..., Any]:
    """Makes ``import blocks`` find the file beside, also in functions that run later."""

    def importing(
        name: str,
        globals: Mapping[str, object] | None = None,
        locals: Mapping[str, object] | None = None,
        fromlist: Sequence[str] | None = (),
        level: int = 0,
    ) -> ModuleType:
        top = name.partition(".")[0]
        if level or top not in own:
            return builtins.__import__(name, globals, locals, fromlist or (), level)
        leaf = importlib.import_module(f"{package}.{name}")
        if not fromlist:
            return sys.modules[f"{package}.{top}"]
        # imports what of the names are modules themselves
        return builtins.__import__(leaf.__name__, globals, locals, fromlist, 0)

    return importing


_FINDER = _TextFinder()
