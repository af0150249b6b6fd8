"""Parsers of option values: a parser returns the value, or a ParseError with the problem.

They do not raise, so that all mistakes of a command line are reported together.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from math import inf
from typing import Any

from trainables.config.parsing import SettingValue, scalar
from tune_app.command.choices import OBJECTIVES
from tune_app.command.errors import unknown

OptionParser = Callable[[str], Any]

UNITS = {"d": 86400, "h": 3600, "m": 60, "s": 1}
NUMBER = r"\d+(?:\.\d*)?|\.\d+"
DURATION = re.compile("".join(rf"(?:(?P<{unit}>{NUMBER}){unit})?" for unit in UNITS))
MIN_GPU_SHARE = 0.0001
"""Ray's resolution for cores and GPUs; smaller shares would be rounded to 0."""

MAX_SECONDS = 1e9
"""Thirty years; Python's waits overflow at ten times as much."""

THOUSANDS = re.compile(r"\d{1,3}(?:,\d{3})+(?:\.\d*)?")


@dataclass(frozen=True, slots=True)
class ParseError:
    """A value that could not be parsed, with what was expected."""

    problem: str


def at_least(minimum: int, maximum: float = inf) -> OptionParser:
    """A whole number; 1_000 and 1,000 are accepted, 1,5 is not."""

    def read(text: str) -> int:
        number = int(_without_commas(text))
        if not minimum <= number <= maximum:
            raise ValueError
        return number

    expected = f"a whole number of at least {minimum}"
    return _parser(
        read, expected if maximum == inf else f"a whole number from {minimum} to {maximum:,}"
    )


def kept() -> OptionParser:
    """``all``, ``front`` or a whole number."""
    number = at_least(0)

    def read(text: str) -> Any:
        if text in ("all", "front"):
            return text
        count = number(text)
        if isinstance(count, ParseError):
            return ParseError(f"takes all, front or a whole number, got {text!r}")
        return count

    return read


def above_zero() -> OptionParser:
    """A finite number above 0."""
    return _parser(_positive, "a number above 0")


def from_number(minimum: float) -> OptionParser:
    """A finite number above 0 and not below a bound."""

    def read(text: str) -> float:
        number = _positive(text)
        if number < minimum:
            raise ValueError
        return number

    return _parser(read, f"a number of at least {minimum}")


def share() -> OptionParser:
    """GPUs of one trial: a fraction of one, a whole number (Ray refuses 1.5), or "auto"."""

    def read(text: str) -> float | str:
        number = 0.0 if text == "auto" else float(_without_commas(text))
        if not (number == 0 or MIN_GPU_SHARE <= number < inf):
            raise ValueError
        if number > 1 and not number.is_integer():
            raise ValueError
        return "auto" if text == "auto" else number

    return _parser(read, "a fraction of a GPU (0 to 1), whole GPUs, or auto")


def duration() -> OptionParser:
    """A time such as "90", "30m", "2h" or "1d12h", in seconds; a number alone needs no unit."""

    def read(text: str) -> float:
        text = text.strip().lower()
        if re.fullmatch(NUMBER, text):
            text += "s"
        parts = DURATION.fullmatch(text)
        if not parts:
            raise ValueError
        numbers = {unit: parts[unit] for unit in UNITS if parts[unit]}
        seconds = _positive(
            str(sum(float(number) * UNITS[unit] for unit, number in numbers.items()))
        )
        if seconds > MAX_SECONDS:
            raise ValueError
        return seconds

    return _parser(read, "a time such as 90s, 30m, 2h or 1d12h")


def one_of(noun: str, choices: Iterable[str]) -> OptionParser:
    """One of a few names."""
    return lambda text: text if text in choices else ParseError(unknown(noun, text, choices))


def objectives(text: str) -> tuple[str, ...] | ParseError:
    """Names of objectives, separated by commas; val_accuracy comes first."""
    names = tuple(name.strip() for name in text.split(","))
    problems = [unknown("objective", name, OBJECTIVES) for name in names if name not in OBJECTIVES]
    if len(set(names)) < len(names):
        problems.append(f"each objective is named once, got {text}")
    if names[0] != "val_accuracy" and not problems:
        problems.append(f"val_accuracy comes first, got {text}")
    return ParseError("; ".join(problems)) if problems else names


def setting(text: str) -> tuple[str, tuple[SettingValue, ...]] | ParseError:
    """``key=value[,value…]``: the key and its values."""
    key, equals, listed = text.partition("=")
    values = [value.strip() for value in _split_values(listed)]
    if not (key.strip() and equals and all(values)):
        return ParseError(f"takes key=value or key=value,value,…, got {text!r}")
    parsed = tuple(map(scalar, values))
    if len(set(parsed)) < len(parsed):
        return ParseError(f"each value is given once, got {text!r}")
    return key.strip(), parsed


def _split_values(text: str) -> list[str]:
    """Splits at commas outside of brackets and quotes.

    A network may have arguments, ``net.py:make_net(depth=20, width=4)``, and a path a comma.
    """
    parts, start, depth, quote = [], 0, 0, ""
    for position, letter in enumerate(text):
        if quote:
            quote = "" if letter == quote else quote
        elif letter in "'\"" and not text[start:position].strip():
            quote = letter
        elif letter in "()":
            depth += 1 if letter == "(" else -1
        elif letter == "," and depth <= 0:
            parts.append(text[start:position])
            start = position + 1
    if quote or depth > 0:  # an unclosed bracket or quote is an ordinary character
        return text.split(",")
    return [*parts, text[start:]]


def custom_resource(text: str) -> tuple[str, float] | ParseError:
    """``name=amount`` of a custom resource of Ray; amounts above 1 must be whole numbers."""
    name, _, amount = text.partition("=")
    try:
        number = _positive(amount)
    except ValueError:
        number = 0.0
    if not name.strip() or not number or (number > 1 and not number.is_integer()):
        return ParseError(
            f"takes NAME=X, where X is a fraction of 1 or a whole number above 0, got {text!r}"
        )
    if name in ("CPU", "GPU", "memory", "object_store_memory"):
        return ParseError(
            f"{name} is not a custom resource; use --cpus-per-trial or --gpus-per-trial"
        )
    return name.strip(), number


def _parser(read: OptionParser, expected: str) -> OptionParser:
    def parse(text: str) -> Any:
        try:
            return read(text)
        except ValueError:
            return ParseError(f"takes {expected}, got {text!r}")

    return parse


def _positive(text: str) -> float:
    number = float(_without_commas(text))
    if not 0 < number < inf:
        raise ValueError
    return number


def _without_commas(text: str) -> str:
    """Removes commas between thousands; raises ValueError for commas elsewhere."""
    if "," in text and not THOUSANDS.fullmatch(text.strip()):
        raise ValueError
    return text.replace(",", "")
