"""Trials that an older version put on record with a default written out, under an id of their own.

A default that is written out makes no other trial; it once did. Such trials keep their ids, and
stand for what is planned without the default.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trainables.architectures.budget import InfeasibleError
from trainables.config.resolution import OPEN_KEYS, Facts
from trainables.config.torch_process import TorchProcessError
from trainables.config.train_config import ConfigError, TrainConfig
from trainables.config.trial_id import canonical, trial_id
from tune_app.record.paths import StudyPaths
from tune_app.record.study_document import planned_trials

if TYPE_CHECKING:
    from analysis.record.rows import Planned

PLANNED = b'{"type":"trial"'
WRITTEN = re.compile(rf'"({"|".join(OPEN_KEYS)})":(?!null)'.encode())


@dataclass(frozen=True, slots=True)
class FormerId:
    """The id of a trial on record, and its configuration, which is the one that the id names."""

    trial_id: str
    config: TrainConfig


def former_ids(rows: Iterable[Planned], data: Facts) -> dict[str, FormerId]:
    """By the id that each has now, the trials that were recorded under another one.

    A trial that is on record under both is not among them.
    """
    rows = list(rows)
    known = {row.trial_id for row in rows}
    by_id: dict[str, FormerId] = {}
    for row in rows:
        for name, config in _renamed(row, data):
            if name not in known:
                by_id.setdefault(name, FormerId(row.trial_id, config))
    return by_id


def stored_former_ids(paths: StudyPaths, data: Facts) -> Mapping[str, FormerId]:
    """Those of a study folder; its rows are read only where an open key is written out in one."""
    if not _writes_an_open_key(paths.ledger):
        return {}
    return former_ids(planned_trials(paths), data)


def _writes_an_open_key(ledger: Path) -> bool:
    """Whether any configuration may say more than null for a key that may be left open.

    study.json does not tell: who goes on without the default leaves none there.
    """
    with contextlib.suppress(OSError), ledger.open("rb") as file:
        return any(WRITTEN.search(line) for line in file if line.startswith(PLANNED))
    return False


def _renamed(row: Planned, data: Facts) -> Iterator[tuple[str, TrainConfig]]:
    if all(row.config.get(name) is None for name in OPEN_KEYS):
        return
    try:
        config = TrainConfig.from_trial(_whole(row.config))
        short = canonical(config, data)
        if short != config and trial_id(config, size := config.network_size()) == row.trial_id:
            yield trial_id(short, size), config
    except (ConfigError, InfeasibleError, TorchProcessError):
        return  # a network that is no more: its trials stay as they are


def _whole(config: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in config.items() if value is not None}
