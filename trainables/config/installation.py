"""How RankTune is started: from a checkout, or by the installed command ``ranktune``."""

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
"""The folder of the checkout; None where the packages are installed in site-packages."""

_MODULES = {"": SCRIPT, "analysis": "-m analysis"}


def command_line(program: str = "") -> str:
    """The command that starts a program, as help and portable files show it.

    Args:
        program: empty for a search, ``analysis``, or a command of ``trainables`` (``train``).
    """
    if is_installed():
        return f"{INSTALLED} {program}".rstrip()
    return f"python {_MODULES.get(program, f'-m trainables {program}')}"


def command_here(program: str = "") -> str:
    """The command that starts a program from the present folder, whatever is activated there."""
    if is_installed():
        return f"{_shell_name(INSTALLED)} {program}".rstrip()
    python = _shell_name("python", Path(sys.executable))
    if CHECKOUT and Path.cwd() != CHECKOUT:  # ``python -m`` finds the packages only from there
        script = shlex.quote(str(CHECKOUT / SCRIPT))
        return f"{python} {script} {program}".rstrip()
    return f"{python} {command_line(program).removeprefix('python ')}"


def command_to_paste(program: str, *arguments: str | Path) -> str:
    """A command to paste into a shell in the present folder.

    Args:
        program: as for ``command_line``.
        arguments: paths as ``Path``, so that one that begins with a hyphen is not an option.
    """
    return f"{command_here(program)} {shlex.join(map(_argument, arguments))}"


def _argument(argument: str | Path) -> str:
    is_option_like = isinstance(argument, Path) and str(argument).startswith("-")
    return f"./{argument}" if is_option_like else str(argument)


def is_installed() -> bool:
    """Whether the program is started as ``ranktune`` rather than ``python run_tune.py``."""
    return CHECKOUT is None or Path(sys.argv[0]).stem == INSTALLED


def child_environment() -> dict[str, str]:
    """The environment for a child process that imports the project.

    A checkout is added to ``PYTHONPATH``. An installed project needs no entry, and an entry would
    put the packages installed beside it before the standard library.
    """
    environment = dict(os.environ)
    paths = environment.get("PYTHONPATH", "").split(os.pathsep)
    if CHECKOUT and str(CHECKOUT) not in paths:
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, [str(CHECKOUT), *paths]))
    return environment


def _shell_name(name: str, program: Path | None = None) -> str:
    """A program's name if the shell finds this very program under it, else its path."""
    program = program or Path(sys.executable).with_name(name)
    on_path = shutil.which(name)
    if on_path and _is_same_program(Path(on_path), program):
        return name
    if program.is_relative_to(Path.cwd()):
        return shlex.quote(str(program.relative_to(Path.cwd())))
    return shlex.quote(str(program))


def _is_same_program(on_path: Path, program: Path) -> bool:
    """Whether both are the same program.

    Folders are compared, as the Python of every virtual environment links to the same file.
    """
    if on_path.parent.resolve() == program.parent.resolve():
        return True
    return on_path.name == INSTALLED and on_path.resolve() == program.resolve()
