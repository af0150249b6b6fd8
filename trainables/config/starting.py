"""The start of a program: checks and a handler of signals, before anything else is imported.

Programs import this module first, since Ctrl-C shows a traceback until it is loaded. It imports
only modules that Python has loaded at its start, and older versions of Python can parse it.
"""

from __future__ import annotations

import atexit
import os
import sys

from trainables.config.interruption import SIGNALS, exit_interrupted

TYPE_CHECKING = False
if not TYPE_CHECKING:  # signal itself imports enum and functools: ten times all that is done here
    import _signal as signal
else:  # typing, too, would take milliseconds
    import signal
    from typing import Any

MINIMUM_PYTHON = (3, 11)
OWN_PACKAGES = ("analysis", "search_spaces", "trainables", "tune_app")
_ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))  # noqa: PTH100, PTH120


class Starting:
    """A context for a program's imports.

    A signal prints "interrupted" and ends the process. As an exception Ctrl-C would show a
    traceback, or be lost in a callback of the import system. A missing library is reported with the
    remedy. ``interruptible`` handles signals from the main function on.
    """

    def __init__(self, *, program: bool) -> None:
        """``program``: whether this process runs the program, rather than imports its module."""
        self._program = program
        if not program:
            return
        if sys.version_info < MINIMUM_PYTHON:
            minimum = ".".join(map(str, MINIMUM_PYTHON))
            _refuse(
                f"RankTune needs Python {minimum} or newer, and this is {sys.version.split()[0]}"
            )
        if sys.flags.optimize > 1:
            _refuse(
                "PYTHONOPTIMIZE=2 (python -OO) removes docstrings, which Ray and altair need: use 1"
            )
        defaults = (signal.default_int_handler, signal.SIG_DFL)
        handled = [number for number in SIGNALS if signal.getsignal(number) in defaults]
        for number in handled:
            signal.signal(number, exit_interrupted)
            # the last thing before Python takes itself down, where it would be killed wordlessly
            atexit.register(signal.signal, number, signal.SIG_IGN)
        if handled:
            sys.unraisablehook = _exit_or_report
        _open_closed_streams()

    def __enter__(self) -> None:
        """Does nothing: the constructor has done it."""

    def __exit__(self, kind: Any, problem: Any, trace: Any) -> None:
        """Reports a library that cannot be imported; the handler stays until ``main`` begins."""
        if self._program and isinstance(problem, ModuleNotFoundError) and problem.name:
            _refuse(_missing_package(problem.name))


def _open_closed_streams() -> None:
    """Opens the null device in place of a closed standard stream (``>&-``).

    The next file to be opened would otherwise get its number, and receive what is printed.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number
            setattr(sys, name, open(number, "w" if number else "r"))  # noqa: SIM115, PTH123


def _missing_package(name: str) -> str:
    package = name.partition(".")[0]
    if package in OWN_PACKAGES:
        origin = getattr(sys.modules.get(package), "__file__", None) or "elsewhere"
        return (
            f"{name} is missing: the package {package!r} that Python finds first is {origin}; take "
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


def _exit_or_report(unraisable: Any) -> None:
    """Ctrl-C ends the process where Python cannot raise it, such as in a finaliser."""
    if isinstance(unraisable.exc_value, KeyboardInterrupt):
        exit_interrupted(signal.SIGINT)
    sys.__unraisablehook__(unraisable)
