"""Parsers of option values: a parser returns the value, or a ParseError that says what is wrong.

A reader that raised would end the parsing at the first mistake; this way all of them are told.
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
LEAST_SHARE = 0.0001
"""Ray counts cores and cards in ten thousandths; what is less would be nothing."""

LONGEST = 1e9
"""Seconds, thirty years: Python cannot wait for ten times as long."""

THOUSANDS = re.compile(r"\d{1,3}(?:,\d{3})+(?:\.\d*)?")


@dataclass(frozen=True, slots=True)
class ParseError:
    """A value that could not be read, and what was expected."""

    problem: str


def at_least(least: int, most: float = inf) -> OptionParser:
    """A whole number; 1_000 and 1,000 are both a thousand, 1,5 is neither fifteen nor a list."""

    def read(text: str) -> int:
        number = int(_without_commas(text))
        if not least <= number <= most:
            raise ValueError
        return number

    least_words = f"a whole number of at least {least}"
    return _reader(read, least_words if most == inf else f"a whole number from {least} to {most:,}")


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
    return _reader(_positive, "a number above 0")


def from_number(least: float) -> OptionParser:
    """A finite number above 0 and not below a bound."""

    def read(text: str) -> float:
        number = _positive(text)
        if number < least:
            raise ValueError
        return number

    return _reader(read, f"a number of at least {least}")


def share() -> OptionParser:
    """GPUs of one trial: a part of a card, whole cards (Ray takes no 1.5), or "auto"."""

    def read(text: str) -> float | str:
        number = 0.0 if text == "auto" else float(_without_commas(text))
        if not (number == 0 or LEAST_SHARE <= number < inf):
            raise ValueError
        if number > 1 and not number.is_integer():
            raise ValueError
        return "auto" if text == "auto" else number

    return _reader(read, "a fraction of a GPU (0 to 1), whole GPUs, or auto")


def duration() -> OptionParser:
    """Seconds in "90", "30m", "2h" or "1d12h"; every number but a lone one has a unit."""

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
        if seconds > LONGEST:
            raise ValueError
        return seconds

    return _reader(read, "a time such as 90s, 30m, 2h or 1d12h")


def one_of(what: str, choices: Iterable[str]) -> OptionParser:
    """One of a few names."""
    return lambda text: text if text in choices else ParseError(unknown(what, text, choices))


def objectives(text: str) -> tuple[str, ...] | ParseError:
    """Names of what is optimised, separated by commas; accuracy is always among them."""
    names = tuple(name.strip() for name in text.split(","))
    wrong = [unknown("objective", name, OBJECTIVES) for name in names if name not in OBJECTIVES]
    if len(set(names)) < len(names):
        wrong.append(f"each objective is named once, got {text}")
    if names[0] != "val_accuracy" and not wrong:
        wrong.append(f"val_accuracy comes first, got {text}")
    return ParseError("; ".join(wrong)) if wrong else names


def setting(text: str) -> tuple[str, tuple[SettingValue, ...]] | ParseError:
    """``key=value[,value…]``: the key and its values."""
    key, equals, rest = text.partition("=")
    values = [value.strip() for value in _listed(rest)]
    if not (key.strip() and equals and all(values)):
        return ParseError(f"takes key=value or key=value,value,…, got {text!r}")
    parsed = tuple(map(scalar, values))
    if len(set(parsed)) < len(parsed):
        return ParseError(f"the values of a key differ, got {text!r}")
    return key.strip(), parsed


def _listed(text: str) -> list[str]:
    """The parts between commas; one inside brackets or quotes belongs to its value.

    A network has arguments, ``net.py:make_net(depth=20, width=4)``, and a path may hold a comma.
    """
    parts, start, depth, quote = [], 0, 0, ""
    for place, letter in enumerate(text):
        if quote:
            quote = "" if letter == quote else quote
        elif letter in "'\"" and not text[start:place].strip():
            quote = letter
        elif letter in "()":
            depth += 1 if letter == "(" else -1
        elif letter == "," and depth <= 0:
            parts.append(text[start:place])
            start = place + 1
    if quote or depth > 0:  # none that is closed
        return text.split(",")
    return [*parts, text[start:]]


def custom_resource(text: str) -> tuple[str, float] | ParseError:
    """``name=amount`` of a custom resource of Ray; an amount above one is a whole number there."""
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


def _reader(read: OptionParser, expected: str) -> OptionParser:
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
    """Commas part thousands; any other comma is a decimal or a list, which is no number here."""
    if "," in text and not THOUSANDS.fullmatch(text.strip()):
        raise ValueError
    return text.replace(",", "")
