"""An error of somebody's own code in words; such an error may not even be able to say itself."""

from __future__ import annotations


def error_text(problem: BaseException) -> str:
    """What the error says of itself; "" where that fails."""
    try:
        return str(problem)
    except Exception:
        return ""


def error_words(problem: BaseException) -> str:
    """The error's type, and what it says of itself."""
    return f"{type(problem).__name__}: {error_text(problem)}"
