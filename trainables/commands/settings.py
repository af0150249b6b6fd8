"""``--set key=value`` for one network."""

from __future__ import annotations

from collections.abc import Iterable

from trainables.config.train_config import ConfigError, TrainConfig

SettingValue = str | int | float | bool | None

WORDS: dict[str, bool | None] = {"true": True, "false": False, "none": None}


def read_settings(settings: Iterable[str]) -> TrainConfig:
    """The configuration that these settings and the defaults make.

    Raises:
        ConfigError: with everything that is wrong.
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


def scalar(text: str) -> SettingValue:
    """A whole number, a number, true, false, none; anything else, or what is quoted, is text."""
    if text.lower() in WORDS:
        return WORDS[text.lower()]
    for read in (int, float):
        try:
            return read(text)
        except ValueError:
            continue
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] in ("'", '"') else text
