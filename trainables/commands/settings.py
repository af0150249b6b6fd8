"""``--set key=value`` for one network."""

from __future__ import annotations

from collections.abc import Iterable

from trainables.config.parsing import SettingValue, scalar
from trainables.config.train_config import ConfigError, TrainConfig


def read_settings(settings: Iterable[str]) -> TrainConfig:
    """The configuration with these settings, and defaults elsewhere.

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
    try:
        config = TrainConfig.from_trial(values)
    except ConfigError as wrong:
        problems += wrong.problems
    if problems:
        raise ConfigError(problems)
    return config
