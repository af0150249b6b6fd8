"""A name with what it is called with, as a person writes it: ``resnet18(drop_rate=0.1)``."""

from __future__ import annotations

import ast
from typing import Any


def read_call(text: str, example: str) -> tuple[str, dict[str, Any]]:
    """The name and its arguments; none where nothing stands in brackets.

    Args:
        text: what was written.
        example: arguments, for the message.

    Raises:
        ValueError: where the arguments are not written as those of a call, or not plain values.
    """
    name, bracket, rest = text.partition("(")
    if not bracket:
        return text, {}
    try:
        call = ast.parse(f"f({rest}", mode="eval").body
        if not isinstance(call, ast.Call) or call.args:
            raise ValueError("every argument needs its name")
        return name, {
            str(keyword.arg): ast.literal_eval(keyword.value) for keyword in call.keywords
        }
    except (SyntaxError, ValueError) as problem:
        raise ValueError(
            f"arguments are written as in {name}({example}), got {text!r} ({problem})"
        ) from problem
