"""A name with what it is called with, as a person writes it: ``resnet18(drop_rate=0.1)``."""

from __future__ import annotations

import ast
import re
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
