"""Usage errors: the request cannot be carried out, and nothing was started."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from trainables.files.file_problem import file_problem
from trainables.text.suggestion import did_you_mean


class UsageError(ValueError):
    """Ends the program with exit code 2; ``problems`` lists everything wrong, one sentence each."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


class StorageUnusableError(UsageError):
    """The place of ``--storage`` cannot be used; it need not be asked again."""


@contextmanager
def os_errors_as_usage() -> Iterator[None]:
    """Turns an OSError before the start into a usage error."""
    try:
        yield
    except OSError as problem:
        raise UsageError([file_problem(problem)]) from problem


class RayLostError(ConnectionError):
    """Ray did not start, or has ended; the record is unchanged."""


def unknown(noun: str, name: str, choices: Iterable[str]) -> str:
    """An error message with the choices and the one most similar to ``name``."""
    choices = list(choices)
    return f"unknown {noun} {name!r}: choose from {', '.join(choices)}{did_you_mean(name, choices)}"


class HeadLostError(RayLostError):
    """The head of a joined cluster is gone; this process cannot start it again."""
