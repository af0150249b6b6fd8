"""How a program starts: what it needs before the first import of anything else.

Programs import this module first. What it imports Python has loaded already, and an older Python
can read it: until it is there Ctrl-C shows Python's traceback.
"""

from __future__ import annotations

import os
import signal
import sys

from trainables.config.interruption import end_in_a_word

TYPE_CHECKING = False
if TYPE_CHECKING:  # typing itself would take milliseconds
    from typing import Any

LEAST_PYTHON = (3, 11)
OWN = ("analysis", "search_spaces", "trainables", "tune_app")
_ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))  # noqa: PTH100, PTH120


class Starting:
    """What a program imports before it begins stands within.

    Ctrl-C ends it in a word: as an exception it would be shown with its traceback, or be lost where
    it comes in a callback of the import system. A library that is missing is named with the remedy.
    ``interruptible`` takes over.
    """

    def __init__(self, *, program: bool) -> None:
        """``program``: whether this process is the program, which else another one imports."""
        self._program = program
        if not program:
            return
        if sys.version_info < LEAST_PYTHON:
            least = ".".join(map(str, LEAST_PYTHON))
            _refuse(f"RankTune needs Python {least} or newer, and this is {sys.version.split()[0]}")
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, end_in_a_word)
            sys.unraisablehook = _end_or_show
        _open_what_is_closed()

    def __enter__(self) -> None:
        """Nothing: all is done already."""

    def __exit__(self, kind: Any, problem: Any, trace: Any) -> None:
        """Names a library that cannot be imported; the handler stays until the program begins."""
        if self._program and isinstance(problem, ModuleNotFoundError) and problem.name:
            _refuse(_missing(problem.name))


def _open_what_is_closed() -> None:
    """Puts the null device where a stream was closed (``>&-``).

    The next file that is opened would take its place, and get what is printed.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free
            setattr(sys, name, open(number, "w" if number else "r"))  # noqa: SIM115, PTH123


def _missing(name: str) -> str:
    package = name.partition(".")[0]
    if package in OWN:
        found = getattr(sys.modules.get(package), "__file__", None) or "elsewhere"
        return (
            f"{name} is missing: the package {package!r} that Python finds first is {found}; take "
            "its folder out of PYTHONPATH"
        )
    remedy = "install RankTune there with pip, which brings it"
    python = f"{_ROOT}/.venv/bin/python"
    if os.path.isfile(f"{_ROOT}/Makefile"):  # noqa: PTH113
        remedy = f"use {python}, which make quickstart installs"
    return f"{sys.executable} has no package {name!r}, which RankTune needs: {remedy}"


def _refuse(problem: str) -> None:
    print(f"error: {problem}", file=sys.stderr)
    raise SystemExit(2)


def _end_or_show(unraisable: Any) -> None:
    """Of what Python cannot raise, such as in a finaliser, Ctrl-C ends the process."""
    if isinstance(unraisable.exc_value, KeyboardInterrupt):
        end_in_a_word(signal.SIGINT)
    sys.__unraisablehook__(unraisable)
