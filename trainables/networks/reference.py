"""How a person names a network: ``resnet18``'s kind, its name, what it is called with."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from typing import Any

from trainables.networks.network_error import NetworkError


@dataclass(frozen=True)
class Reference:
    """``timm:resnet18(drop_rate=0.1)`` is the name ``timm:resnet18`` with one argument."""

    text: str
    name: str
    arguments: dict[str, Any] = field(default_factory=dict)


def read_reference(text: str) -> Reference:
    """The parts of a network's name.

    Raises:
        NetworkError: where the arguments are not written as those of a call, or not plain values.
    """
    name, bracket, rest = text.partition("(")
    if not bracket:
        return Reference(text, text)
    try:
        call = ast.parse(f"f({rest}", mode="eval").body
        if not isinstance(call, ast.Call) or call.args:
            raise ValueError("every argument needs its name")
        arguments = {str(keyword.arg): ast.literal_eval(keyword.value) for keyword in call.keywords}
    except (SyntaxError, ValueError) as problem:
        raise NetworkError(
            f"a network's arguments are written as in {name}(depth=20, drop=0.1), got {text!r} "
            f"({problem})"
        ) from problem
    return Reference(text, name, arguments)
