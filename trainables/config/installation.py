"""How RankTune is started here: from a checkout, or by the installed command ``ranktune``."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from pathlib import Path

INSTALLED = "ranktune"
SCRIPT = "run_tune.py"

_ROOT = Path(__file__).resolve().parents[2]

CHECKOUT = _ROOT if (_ROOT / "pyproject.toml").is_file() else None
"""The folder of the checkout; None where the packages are installed among others."""

_MODULES = {"": SCRIPT, "analysis": "-m analysis"}


def command_line(program: str = "") -> str:
    """The words that start a program, for help and for files that others read.

    Args:
        program: empty for a search, ``analysis``, or a command of ``trainables`` (``train``).
    """
    if is_installed():
        return f"{INSTALLED} {program}".rstrip()
    return f"python {_MODULES.get(program, f'-m trainables {program}')}"


def command_here(program: str = "") -> str:
    """The same words as they run in the present folder, whatever is activated or installed."""
    if is_installed():
        return f"{_typed(INSTALLED)} {program}".rstrip()
    python = _typed("python", Path(sys.executable))
    if CHECKOUT and Path.cwd() != CHECKOUT:  # a module is found from its own folder alone
        script = shlex.quote(str(CHECKOUT / SCRIPT))
        return f"{python} {script} {program}".rstrip()
    return f"{python} {command_line(program).removeprefix('python ')}"


def command_to_paste(program: str, *words: str | Path) -> str:
    """A command that a shell takes as it stands, in the present folder.

    Args:
        program: as for ``command_line``.
        words: arguments; paths as ``Path``, so that one that begins with a hyphen is no option.
    """
    return f"{command_here(program)} {shlex.join(map(_argument, words))}"


def _argument(word: str | Path) -> str:
    is_option_like = isinstance(word, Path) and str(word).startswith("-")
    return f"./{word}" if is_option_like else str(word)


def is_installed() -> bool:
    """Whether people start ``ranktune`` here, rather than ``python run_tune.py``."""
    return CHECKOUT is None or Path(sys.argv[0]).stem == INSTALLED


def child_environment() -> dict[str, str]:
    """The environment of a process that imports the project.

    Where it is installed every process finds it. ``PYTHONPATH`` stays as it is there: packages
    installed beside it would come before the standard library.
    """
    environment = dict(os.environ)
    paths = environment.get("PYTHONPATH", "").split(os.pathsep)
    if CHECKOUT and str(CHECKOUT) not in paths:
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, [str(CHECKOUT), *paths]))
    return environment


def _typed(name: str, program: Path | None = None) -> str:
    """A program's name where a shell finds the one that runs, else its path."""
    program = program or Path(sys.executable).with_name(name)
    found = shutil.which(name)
    if found and _same(Path(found), program):
        return name
    if program.is_relative_to(Path.cwd()):
        return shlex.quote(str(program.relative_to(Path.cwd())))
    return shlex.quote(str(program))


def _same(found: Path, program: Path) -> bool:
    """Whether both are one file, in one folder: a virtual environment's Python is a link."""
    if found.parent.resolve() == program.parent.resolve():
        return True
    return found.name == INSTALLED and found.resolve() == program.resolve()
