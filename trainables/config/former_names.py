"""The table of former names of values, which are still accepted wherever a value is read.

Spaces, command lines, ledgers and checkpoints may hold either name. Output has the present name. A
trial's id is made with the former name, so that ids stay the same. Standard library only.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

FORMER: Mapping[str, Mapping[str, str]] = {
    "layer": {"tucker_seed": "tucker_original"},
    "protocol": {
        "right": "corrected",
        "seed_a_plain": "original_a_plain",
        "seed_a_scaled": "original_a_scaled",
        "seed_tt": "original_tt",
    },
    "routes": {"factors": "factorized", "rebuild": "reconstructed"},
}
"""By key: former name of a value → present name."""


def present_name(key: str, value: Any) -> Any:
    """A value of a key under its present name; any other value as it is."""
    names = FORMER.get(key, {})
    return names.get(value, value) if isinstance(value, str) else value


def former_name(key: str, value: Any) -> Any:
    """A value of a key under the name that enters trials' ids."""
    return next((old for old, new in FORMER.get(key, {}).items() if new == value), value)


def with_present_names(document: Mapping[str, Any]) -> dict[str, Any]:
    """The JSON object with present names for the values of these keys, at any depth.

    A configuration is such an object, and so are a space and an identity as ``study.json`` holds
    them. A contrast names its key under "key".
    """
    return {name: _walk(value, name) for name, value in document.items()}


def with_present_values(config: dict[str, Any]) -> dict[str, Any]:
    """A configuration with present names; the same object where nothing changes."""
    present = {key: present_name(key, config[key]) for key in FORMER if key in config}
    changed = {key: value for key, value in present.items() if value != config[key]}
    return {**config, **changed} if changed else config


def with_present_layers(text: str) -> str:
    """A recorded message with the present names of layers."""
    for old, new in FORMER["layer"].items():
        text = text.replace(old, new)
    return text


def _walk(value: Any, key: str) -> Any:
    if isinstance(value, Mapping):
        inner = value["key"] if isinstance(value.get("key"), str) else key
        return {
            name: _walk(inner_value, name if name in FORMER else inner)
            for name, inner_value in value.items()
        }
    if isinstance(value, list | tuple):
        return type(value)(_walk(inner_value, key) for inner_value in value)
    return present_name(key, value)
