"""The name that was probably meant, in trainables.

``search_spaces.grammar.suggestion`` says the same for the other packages: neither of the two lowest
packages may import the other.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def nearest(name: str, choices: Iterable[str]) -> str | None:
    """The choice most like ``name``; None where none is."""
    return next(iter(difflib.get_close_matches(name, list(choices), n=1)), None)


def did_you_mean(name: str, choices: Iterable[str]) -> str:
    """The end of an error's sentence, "; did you mean 'x'?"; empty where no choice is near."""
    near = nearest(name, choices)
    return f"; did you mean {near!r}?" if near is not None else ""
