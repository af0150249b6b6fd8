"""The parts of a network's name: kind, name, and arguments."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from trainables.networks.network_error import NetworkError
from trainables.text.call import read_call


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
    try:
        return Reference(text, *read_call(text, "depth=20, drop=0.1"))
    except ValueError as problem:
        raise NetworkError(f"a network's {problem}") from problem
