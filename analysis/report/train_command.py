"""The command that trains a trial again, as it was trained."""

from __future__ import annotations

import contextlib
import shlex
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from analysis.record.dtypes import CONFIG_KEYS, RENAMED
from trainables.config.installation import command_line
from trainables.config.parsing import written
from trainables.config.train_config import ConfigError, TrainConfig

if TYPE_CHECKING:
    from analysis.study.study import Study

PROGRAM = "train"


def train_commands(study: Study) -> dict[str, str]:
    """For each trial, by its id, the command that comes to the same numbers on the same machine.

    The layer and what differs from the defaults is said, then how it was computed: threads, device
    and code path of its last attempt. A configuration of an older version is repeated word for
    word.
    """
    options = study.info.get("options") or {}
    place = options.get("data_dir") or options.get("download")
    data = ["--data-dir", str(place)] if place else []
    data += ["--skip-unreadable"] if options.get("skip_unreadable") else []
    last = study.attempts.groupby("trial_id").last()  # of each column what is known last
    rows = zip(last.index, last["threads"], last["device"], last["code"], strict=True)
    computed = {trial: _computed(_plain(threads), *words) for trial, threads, *words in rows}
    return {
        trial["trial_id"]: _command(trial, [*data, *computed.get(trial["trial_id"], ())])
        for trial in study.trials.to_dict("records")
    }


def _command(trial: Mapping[str, Any], options: list[str]) -> str:
    raw = {key: _plain(trial.get(RENAMED.get(key, key))) for key in CONFIG_KEYS}
    given = {key: value for key, value in raw.items() if value is not None}
    with contextlib.suppress(ConfigError):
        given = {"layer": given.get("layer"), **TrainConfig.from_trial(given).changed()}
    words = command_line(PROGRAM).split()
    for key, value in given.items():
        words += ["--set", f"{key}={written(value)}"]
    return shlex.join([*words, *options])


def _computed(threads: int | None, device: Any, code: Any) -> list[str]:
    """The options that say how an attempt was computed, as far as it is on record."""
    words = ["--threads", str(threads)] if threads else []
    if isinstance(device, str) and device:
        words += ["--device", "cpu" if device == "cpu" else "cuda"]
    on_torch = threads == 1 and device == "cpu" and code == "torch"
    return [*words, "--no-compiled"] if on_torch else words


def _plain(value: Any) -> Any:
    if value is None or value is pd.NA or value != value:
        return None
    return value.item() if hasattr(value, "item") else value
