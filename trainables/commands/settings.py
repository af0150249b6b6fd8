"""``--set key=value`` for one network."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from trainables.config.parsing import SettingValue, scalar
from trainables.config.train_config import ConfigError, TrainConfig, default_keys


def read_settings(settings: Iterable[str], command: Any = None) -> TrainConfig:
    """The configuration with these settings, and defaults elsewhere.

    Args:
        settings: each ``key=value``.
        command: click's command that takes them, whose options may be mistaken for keys.

    Raises:
        ConfigError: listing everything that is wrong.
    """
    values: dict[str, SettingValue] = {}
    problems = []
    for text in settings:
        key, equals, value = text.partition("=")
        if not (key.strip() and equals and value.strip()):
            problems.append(f"--set takes key=value, got {text!r}")
        elif key.strip() in values:
            problems.append(f"--set {key.strip()} is given twice; one network has one value")
        else:
            values[key.strip()] = scalar(value.strip())
    mistaken = options_as_keys(command, values) if command is not None else {}
    try:
        keys = {key: value for key, value in values.items() if key not in mistaken}
        config = TrainConfig.from_trial(keys)
    except ConfigError as wrong:
        problems += wrong.problems
    problems += mistaken.values()
    if problems:
        raise ConfigError(problems)
    return config


def options_as_keys(command: Any, keys: Iterable[str]) -> dict[str, str]:
    """What to say of each key that is none, but an option of click's ``command``."""
    options = {parameter.name: parameter for parameter in command.params}
    problems = {}
    for key in keys:
        option = options.get(key.replace("-", "_"))
        if option is not None and key not in default_keys():
            value = "" if option.is_flag else " VALUE"
            problems[key] = f"{key} is an option: {option.opts[0]}{value}"
    return problems
