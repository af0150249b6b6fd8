"""Usage errors: what was asked for cannot be done, and nothing was started."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from trainables.files.file_problem import file_problem
from trainables.text.suggestion import did_you_mean


class UsageError(ValueError):
    """Ends the program with exit code 2; ``problems`` says all that is wrong, in sentences."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


@contextmanager
def os_errors_as_usage() -> Iterator[None]:
    """Turns an OSError before the start into a usage error."""
    try:
        yield
    except OSError as problem:
        raise UsageError([file_problem(problem)]) from problem


class RayLostError(ConnectionError):
    """Ray did not come up, or ended; the record is as it was."""


def unknown(what: str, name: str, choices: Iterable[str]) -> str:
    """A sentence that names the choices and the one nearest to ``name``."""
    choices = list(choices)
    return f"unknown {what} {name!r}: choose from {', '.join(choices)}{did_you_mean(name, choices)}"


class HeadLostError(RayLostError):
    """The head of a joined cluster is gone, and will not be started from here."""
