"""A network from a file of one's own: ``path/file.py:function``."""

from __future__ import annotations

import ast
import inspect
import linecache
import types
from collections.abc import Callable
from pathlib import Path

from torch import nn

from search_spaces.grammar.suggestion import did_you_mean
from trainables.networks.origin import Origin, Sources
from trainables.networks.reference import Reference
from trainables.networks.trace import Make, NetworkError


def read_source(path: Path) -> str:
    """The text of the file.

    Raises:
        NetworkError: where there is no such file, it is no Python, or imports files beside it: only
            the one file travels with a study.
    """
    try:
        text = path.read_text(encoding="utf-8")
        tree = ast.parse(text)
    except OSError as problem:
        raise NetworkError(f"{path} cannot be read: {problem.strerror}") from problem
    except (SyntaxError, ValueError, RecursionError, MemoryError) as problem:
        raise NetworkError(f"{path} is no Python: {problem}") from problem
    beside = {found.stem for found in path.parent.glob("*.py")}
    beside |= {found.name for found in path.parent.glob("*/") if any(found.glob("*.py"))}
    siblings = sorted(_imported(tree) & beside - {path.stem})
    if siblings:
        raise NetworkError(
            f"{path} imports {', '.join(siblings)}, which lies beside it; only the one file "
            "travels with a study: write what it needs into it, or install that as a package"
        )
    return text


def find_function(text: str, name: str, function: str) -> Callable[..., nn.Module]:
    """The function of a file's text; ``name`` is the file's, for messages.

    Raises:
        NetworkError: where running the file fails, or it has no such function.
    """
    module = types.ModuleType(f"network_{Path(name).stem}")
    module.__file__ = name
    # so that a traceback can show the lines
    linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
    try:
        exec(compile(text, name, "exec"), module.__dict__)  # the user's own file, as asked
    except (Exception, SystemExit) as problem:  # the latter of a script that parses a command line
        reason = f"{type(problem).__name__}: {problem}"
        raise NetworkError(f"{name} cannot be run: {reason}") from problem
    found = module.__dict__.get(function)
    if callable(found):
        return found
    own = [
        key
        for key, value in module.__dict__.items()
        if callable(value) and getattr(value, "__module__", None) == module.__name__
    ]
    hint = did_you_mean(function, own)
    raise NetworkError(
        f"{name} has no function {function!r}: it has {', '.join(own) or 'none'}{hint}"
    )


def takes(function: Callable[..., object], argument: str) -> bool:
    """Whether a function can be called with this argument by name."""
    parameters = inspect.signature(function).parameters.values()
    return any(one.name == argument or one.kind is one.VAR_KEYWORD for one in parameters)


def _imported(tree: ast.AST) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            if node.level:
                names |= {(node.module or alias.name).partition(".")[0] for alias in node.names}
            else:
                names.add((node.module or "").partition(".")[0])
    return names


def _file(reference: Reference, classes: int, sources: Sources) -> Make:
    path, _, function = reference.name.rpartition(":")
    name = Path(path).name
    make = find_function(sources[name], name, function)
    if not takes(make, "classes"):
        raise NetworkError(f"{function} of {path} must take the argument classes")
    return lambda: make(classes=classes, **reference.arguments)


def _file_sources(reference: Reference) -> Sources:
    path = Path(reference.name.rpartition(":")[0]).expanduser()
    return {path.name: read_source(path)}


ORIGIN = Origin(
    r".+\.py:\w+",
    "FILE.py:FUNCTION",
    "a function of yours that returns a torch.nn.Module, called with classes=",
    _file,
    sources=_file_sources,
)
