"""Writes a space as TOML."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Mapping
from typing import Any

from search_spaces.grammar.domains import Choice
from search_spaces.grammar.key import Key
from search_spaces.grammar.question import question_json
from search_spaces.grammar.space import SearchSpace

OPTIONAL = ("search", "scheduler", "num_samples", "seeds", "estimating_seeds")
"""Entries that are left out where they have SearchSpace's default."""
WIDTH = 100


def toml_text(space: SearchSpace) -> str:
    """The text of a file that ``read_space`` reads as an equal space."""
    lines = ["[space]"]
    lines += [f"{name} = {_value(getattr(space, name))}" for name in ("name", "question", "source")]
    lines += [
        f"{name} = {_value(getattr(space, name))}"
        for name in OPTIONAL
        if getattr(space, name) != getattr(SearchSpace, name)
    ]
    if space.questions:
        lines += ["questions = ["]
        lines += [f"    {_value(question_json(question))}," for question in space.questions]
        lines += ["]"]
    if space.fixed:
        lines += ["", "[fixed]", *_pairs(space.fixed)]
    for name, key in space.keys.items():
        lines += ["", f"[keys.{name}]", *_pairs(_key(key))]
    return "\n".join(lines) + "\n"


def _key(key: Key) -> dict[str, Any]:
    """A key's table, without entries that have their default."""
    domain = key.domain
    table: dict[str, Any] = {}
    if isinstance(domain, Choice):
        table["values"] = list(domain.values)
    else:
        table |= {"type": type(domain).__name__.lower(), "low": domain.low, "high": domain.high}
        table |= {"log": True} if domain.log else {}
        table |= {"grid": list(domain.grid)} if domain.grid else {}
    table |= {"role": key.role} if key.role != "scientific" else {}
    table |= {"when": {name: list(one) for name, one in key.when.items()}} if key.when else {}
    return table


def _pairs(table: Mapping[str, Any]) -> list[str]:
    lines = []
    for name, value in table.items():
        line = f"{name} = {_value(value)}"
        if len(line) > WIDTH and isinstance(value, list):
            items = textwrap.wrap(", ".join(map(_value, value)) + ",", WIDTH - 4)
            line = "\n".join([f"{name} = [", *(f"    {items}" for items in items), "]"])
        lines.append(line)
    return lines


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{name} = {_value(one)}" for name, one in value.items()) + " }"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_value, value)) + "]"
    # JSON and TOML write text, numbers and booleans alike; 5e-05 is a float in both
    # except DEL, which TOML escapes
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
