"""A network from a user's file: ``path/file.py:function``."""

from __future__ import annotations

import ast
import importlib.util
import inspect
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path, PurePosixPath

from torch import nn

from trainables.architectures.read_files import is_checksum
from trainables.networks.from_file.network_code import run_code
from trainables.networks.network_error import NetworkError, where_it_failed
from trainables.networks.origin import Call, Origin, Sources
from trainables.networks.reference import Reference
from trainables.text.count import first_few
from trainables.text.error_words import error_words
from trainables.text.suggestion import did_you_mean

PACKAGE = "__init__.py"
LISTED = 8  # number of functions that a message names

Names = tuple[str, ...]


def find_function(texts: Sources, path: Path, function: str) -> Callable[..., nn.Module]:
    """The function of a file.

    Args:
        texts: of the file and of those that it imports, by their names below its folder.
        path: of the file, which need not be there.
        function: its name.

    Raises:
        NetworkError: where running the file fails, or it has no such function.
    """
    name = path.name
    try:
        module = run_code(texts, name, path.parent)
    except (Exception, SystemExit) as problem:  # the latter of a script that parses a command line
        reason = f"{_words(problem)}{where_it_failed(problem)}"
        raise NetworkError(f"{name} cannot be run: {reason}") from problem
    candidate = module.__dict__.get(function)
    if callable(candidate):
        return candidate
    own = [
        key
        for key, value in module.__dict__.items()
        if callable(value) and getattr(value, "__module__", None) == module.__name__
    ]
    hint = did_you_mean(function, own)
    listed = first_few(own, LISTED) or "none"
    raise NetworkError(f"{name} has no function {function!r}: it has {listed}{hint}")


def takes(function: Callable[..., object], argument: str) -> bool:
    """Whether a function can be called with this argument by name."""
    parameters = inspect.signature(function).parameters.values()
    return any(
        parameter.kind is parameter.VAR_KEYWORD
        or (parameter.name == argument and parameter.kind is not parameter.POSITIONAL_ONLY)
        for parameter in parameters
    )


def _words(problem: BaseException) -> str:
    text = error_words(problem)
    if isinstance(problem, ModuleNotFoundError):
        text += (
            "; a network's file imports installed packages, and what lies in its own folder by "
            "import statements"
        )
    return text


def read_texts(path: Path) -> dict[str, str]:
    """The text of a file and of all files in its folder that it imports, and that these import.

    The keys are names below that folder. As for a script, a file beside it takes precedence over an
    installed package of the same name.

    Raises:
        NetworkError: where a file cannot be read or is not Python, or imports a module that is not
            in that folder.
    """
    folder, texts, waiting = path.parent, {}, [path.name]
    problems: list[str] = []
    while waiting:
        name = waiting.pop()
        text, tree = _parsed(folder / name)
        texts[name] = text
        for node in ast.walk(tree):
            if isinstance(node, ast.Import | ast.ImportFrom):
                try:
                    found = set(_files(node, PurePosixPath(name).parent.parts, folder))
                except ValueError as problem:
                    line = f"{folder / name}, line {node.lineno}: {ast.unparse(node)}"
                    problems.append(f"{line}: {problem}")
                else:
                    waiting += found - {*texts, *waiting}
    if problems:
        raise NetworkError("; ".join(problems))
    return texts


def link_target(file: Path, texts: Sources) -> Path | None:
    """The file that a link leads to, where what it imports is the same beside it; else None."""
    if not file.is_symlink():
        return None
    target = file.resolve()
    try:
        texts_there = read_texts(target)
    except NetworkError:
        return None
    renamed = {
        file.name if name == target.name else name: text for name, text in texts_there.items()
    }
    return target if renamed == texts else None


def _parsed(path: Path) -> tuple[str, ast.Module]:
    try:
        text = path.read_text(encoding="utf-8")
        return text, ast.parse(text)
    except OSError as problem:
        raise NetworkError(f"{path} cannot be read: {problem.strerror}") from problem
    except (SyntaxError, ValueError, RecursionError, MemoryError) as problem:
        raise NetworkError(f"{path} is no Python: {problem}") from problem


def _files(node: ast.Import | ast.ImportFrom, package: Names, folder: Path) -> Iterator[str]:
    """The files in the folder that a statement of a module in that package imports.

    Raises:
        ValueError: where it names a file by its place, and there is none.
    """
    if isinstance(node, ast.Import):
        for alias in node.names:
            yield from _absolute(tuple(alias.name.split(".")), folder)
        return
    base = _base(node, package, folder)
    if not node.level and not _lies_beside(folder, base[0]):
        return
    yield from _modules(base, folder)
    for alias in node.names:
        if alias.name == "*":
            inside = folder.joinpath(*base).glob("*.py")
            yield from ("/".join((*base, file.name)) for file in inside if base)
        elif _is_module(folder, (*base, alias.name)):
            yield from _modules((*base, alias.name), folder)


def _base(node: ast.ImportFrom, package: Names, folder: Path) -> Names:
    """The module from which a statement imports, by its place in the folder.

    Raises:
        ValueError: where the statement names it by its place, and there is none.
    """
    named = tuple(node.module.split(".")) if node.module else ()
    if not node.level:
        return named
    if node.level > len(package) + 1:
        raise ValueError(
            f"it reaches above {folder}, and only what lies in the folder of a network's file "
            "travels with a study: name a file further up, or install what it imports as a package"
        )
    base = package[: len(package) + 1 - node.level] + named
    if named and not _is_module(folder, base):
        raise ValueError(f"there is no {folder.joinpath(*base)}.py")
    return base


def _absolute(names: Names, folder: Path) -> Iterator[str]:
    if _lies_beside(folder, names[0]):
        yield from _modules(names, folder)


def _modules(names: Names, folder: Path) -> Iterator[str]:
    """The files of a module and of the packages that it is in."""
    for length in range(1, len(names) + 1):
        place = "/".join(names[:length])
        for name in (f"{place}/{PACKAGE}", f"{place}.py"):
            if (folder / name).is_file():
                yield name
                break


def _is_module(folder: Path, names: Names) -> bool:
    place = folder.joinpath(*names)
    return place.with_name(f"{place.name}.py").is_file() or _is_package(place)


def _is_package(place: Path) -> bool:
    return place.is_dir() and any(place.rglob("*.py"))


def _lies_beside(folder: Path, name: str) -> bool:
    """Whether an import of this name means the folder; an installed package takes precedence."""
    if (folder / f"{name}.py").is_file() or (folder / name / PACKAGE).is_file():
        return True
    return _is_package(folder / name) and importlib.util.find_spec(name) is None


def _file(reference: Reference, classes: int, sources: Sources) -> Call:
    path, _, function = reference.name.rpartition(":")
    texts = {name: text for name, text in sources.items() if not is_checksum(text)}
    make = find_function(texts, Path(path).expanduser().absolute(), function)
    if not takes(make, "classes"):
        raise NetworkError(f"{function} of {path} must take the argument classes")
    return partial(make, classes=classes)


def _file_sources(reference: Reference) -> Sources:
    return read_texts(Path(reference.name.rpartition(":")[0]).expanduser())


ORIGIN = Origin(
    r".+\.py:\w+",
    "FILE.py:FUNCTION",
    "a function of yours that returns a torch.nn.Module, called with classes=",
    _file,
    sources=_file_sources,
)
