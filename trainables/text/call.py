"""A name with what it is called with, as a person writes it: ``resnet18(drop_rate=0.1)``."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Callable, Mapping
from typing import Any

_NAME = re.compile(r".+?\.py:\w+(?=\(|$)|[^(]*", re.DOTALL)
"""A folder's name may have brackets, too: those of a call follow the function."""


def called_name(text: str) -> str:
    """What stands before the brackets of a call."""
    match = _NAME.match(text)
    return match[0] if match else ""


def read_call(text: str, example: str) -> tuple[str, dict[str, Any]]:
    """The name and its arguments; none where nothing stands in brackets.

    Args:
        text: what was written.
        example: arguments, for the message.

    Raises:
        ValueError: where the arguments are not written as those of a call, or not plain values.
    """
    name = called_name(text)
    arguments = text.removeprefix(name)
    if not arguments:
        return text, {}
    try:
        call = ast.parse(f"f{arguments}", mode="eval").body
        if not isinstance(call, ast.Call) or call.args:
            raise ValueError("every argument needs its name")
        return name, {
            str(keyword.arg): ast.literal_eval(keyword.value) for keyword in call.keywords
        }
    except (SyntaxError, ValueError) as problem:
        raise ValueError(
            f"arguments are written as in {name}({example}), got {text!r} ({problem})"
        ) from problem


def write_call(name: str, arguments: Mapping[str, Any]) -> str:
    """The one spelling of a call: arguments in the order of their names, no empty brackets."""
    listed = ", ".join(f"{key}={value!r}" for key, value in sorted(arguments.items()))
    return f"{name}({listed})" if listed else name


def plain_defaults(function: Callable[..., Any]) -> dict[str, Any]:
    """The defaults of a function's parameters, as far as an argument could be written so."""
    parameters = inspect.signature(function).parameters.values()
    kinds = (bool, int, float, str, tuple, list, type(None))
    return {each.name: each.default for each in parameters if isinstance(each.default, kinds)}


def without_defaults(arguments: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments that say something else than the defaults."""
    return {
        name: value
        for name, value in arguments.items()
        if name not in defaults or not _is_same(value, defaults[name])
    }


def _is_same(value: Any, default: Any) -> bool:
    """Whether both are one value; 0 is 0.0, and not False."""
    sequences = (tuple, list)
    if isinstance(value, sequences) and isinstance(default, sequences):  # JSON knows lists alone
        return len(value) == len(default) and all(map(_is_same, value, default))
    return value == default and isinstance(value, bool) == isinstance(default, bool)
