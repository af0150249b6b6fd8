"""The command that repeats a trial."""

from __future__ import annotations

import contextlib
import os
import shlex
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from analysis.record.dtypes import plain, row_config
from trainables.config.installation import command_line
from trainables.config.parsing import written
from trainables.config.train_config import ConfigError, TrainConfig

if TYPE_CHECKING:
    from analysis.study.study import Study

PROGRAM = "train"

FILES = ("network", "dataset")
"""Keys whose value may be ``FILE.py:FUNCTION``; other paths are absolute as they are recorded."""


def train_commands(study: Study) -> dict[str, str]:
    """By trial id, the command that gives the same numbers on the same machine.

    It sets the layer, the keys that differ from their defaults, and the threads, device and code
    path of the last attempt. A configuration of an older version is given with all its keys.
    """
    options = study.info.get("options") or {}
    data_dir = options.get("data_dir") or options.get("download")
    data = ["--data-dir", str(data_dir)] if data_dir else []
    data += ["--skip-unreadable"] if options.get("skip_unreadable") else []
    last = study.attempts.groupby("trial_id").last()  # the last known value of each column
    rows = zip(last.index, last["threads"], last["device"], last["code"], strict=True)
    computed = {
        trial: _computing_options(plain(threads), *arguments) for trial, threads, *arguments in rows
    }
    directory = str(study.info.get("directory") or "")
    return {
        trial["trial_id"]: _command(trial, directory, [*data, *computed.get(trial["trial_id"], ())])
        for trial in study.trials.to_dict("records")
    }


def _command(trial: Mapping[str, Any], directory: str, options: list[str]) -> str:
    keys = {key: value for key, value in row_config(trial).items() if value is not None}
    with contextlib.suppress(ConfigError):
        keys = {"layer": keys.get("layer"), **TrainConfig.from_trial(keys).changed()}
    arguments = command_line(PROGRAM).split()
    for key, value in keys.items():
        if key in FILES:
            value = _from_anywhere(str(value), directory)
        arguments += ["--set", f"{key}={written(value)}"]
    return shlex.join([*arguments, *options])


def _from_anywhere(value: str, directory: str) -> str:
    """The value with its file's whole path: the reader need not stand where the search began."""
    names_a_file = ".py:" in value and not value.startswith("~")
    return os.path.join(directory, value) if names_a_file else value  # noqa: PTH118


def _computing_options(threads: int | None, device: Any, code: Any) -> list[str]:
    """The options for threads, device and code path, as far as they are on record."""
    arguments = ["--threads", str(threads)] if threads else []
    if isinstance(device, str) and device:
        arguments += ["--device", "cpu" if device == "cpu" else "cuda"]
    on_torch = threads == 1 and device == "cpu" and code == "torch"
    return [*arguments, "--no-compiled"] if on_torch else arguments
