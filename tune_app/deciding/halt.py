"""Why a search starts no more trials: one value, shared by all that may end it."""

from __future__ import annotations


class Halt:
    """Holds the reason, in words, once nothing more is to start; "" until then."""

    def __init__(self) -> None:
        self.reason = ""

    def __call__(self, reason: str) -> None:
        """Halts the search; the first reason stays."""
        self.reason = self.reason or reason
