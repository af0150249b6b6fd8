"""One value of a key: its text, its type and its range. Standard library only."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from trainables.text.suggestion import did_you_mean

SettingValue = str | int | float | bool | None

LARGEST = 2**63 - 1
"""A larger whole number fits no column of 64-bit integers: in a table it would be text."""

WORDS: dict[str, bool | None] = {"true": True, "false": False, "none": None}


def scalar(text: str) -> SettingValue:
    """Reads an int, a float, true, false or none; anything else is text, and so is quoted text."""
    if text.lower() in WORDS:
        return WORDS[text.lower()]
    for number_type in (int, float):
        try:
            return number_type(text)
        except ValueError:
            continue
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] in ("'", '"') else text


def written(value: SettingValue) -> str:
    """The value as text; ``scalar`` reads it back."""
    if isinstance(value, str):
        return value if scalar(value) == value else f"'{value}'"
    names = {text: name for name, text in WORDS.items()}
    return names[value] if isinstance(value, bool) or value is None else str(value)


def parse_value(name: str, value: Any, kinds: tuple[type, ...], limits: Mapping[str, Any]) -> Any:
    """The value as one of its key's types, within its range.

    Args:
        name: the key, for messages.
        value: as JSON, TOML or a command line gave it.
        kinds: accepted types. A whole float is accepted for int, and an int for float.
        limits: ``low``, ``high`` (inclusive), ``above`` (exclusive) or ``choices``.

    Raises:
        ValueError: naming the value and what was expected.
    """
    if value is None and type(None) in kinds:
        return None
    if value is None and "none" in limits.get("choices", ()):
        value = "none"  # which ``scalar`` reads as no value
    if float in kinds and isinstance(value, int) and not isinstance(value, bool):
        value = float(value) if abs(value) <= LARGEST else math.inf
    if int in kinds and isinstance(value, float) and value.is_integer():
        value = int(value)
    if type(value) not in kinds or (isinstance(value, float) and not math.isfinite(value)):
        names = " or ".join(kind.__name__ for kind in kinds if kind is not type(None))
        hint = f"; '{value}', with its quotes, is text" if str in kinds else ""
        raise ValueError(f"{name} must be of type {names}, got {value!r}{hint}")
    value = 0.0 if value == 0 and type(value) is float else value  # -0.0 would hash as another
    _check_range(name, value, limits)
    return value


def _check_range(name: str, value: Any, limits: Mapping[str, Any]) -> None:
    if "choices" in limits and value not in limits["choices"]:
        hint = did_you_mean(str(value), limits["choices"])
        raise ValueError(
            f"{name} must be one of {', '.join(limits['choices'])}, got {value!r}{hint}"
        )
    low, high, above = limits.get("low"), limits.get("high"), limits.get("above")
    if high is None and type(value) is int and value > LARGEST:
        high = LARGEST
    outside = (low is not None and value < low) or (high is not None and value > high)
    if outside or (above is not None and value <= above):
        start = f"({above}" if above is not None else f"[{low}"
        end = f"{high}]" if high is not None else "∞)"
        raise ValueError(f"{name} must lie in {start}, {end}, got {value}")
